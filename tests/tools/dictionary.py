#!/usr/bin/env python3
"""Trains the dictionary that stored bodies are compressed with, on what the example patients become.

    tests/tools/dictionary.py target/release/vigie src/store/dictionary/1.zdict

A dictionary that was shipped never changes: stored bodies need it. A better one gets the next number. Needs zstd.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SIZE = 48 * 1024


def resources(vigie):
    """Every resource that the service would store for the examples, as it would store it."""
    for course in sorted(path for path in pathlib.Path("examples/fhir").iterdir() if (path / "patient.json").exists()):
        weeks = sorted(course.glob("week-*.json"))
        for n, week in enumerate(weeks):
            command = [vigie, "evaluate", "--response", week, "--patient", course / "patient.json",
                       "--careplan", course / "careplan.json"]
            if n:
                command += ["--previous", *weeks[:n]]
            bundle = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            yield from (entry["resource"] for entry in bundle["entry"])
        for name in ("patient", "careplan", "consent"):
            yield json.loads((course / f"{name}.json").read_text())
    for folder in ("Questionnaire", "PlanDefinition", "ActivityDefinition"):
        for path in sorted(pathlib.Path("profiles", folder).glob("*.json")):
            yield json.loads(path.read_text())


def main(vigie, target):
    with tempfile.TemporaryDirectory() as folder:
        count = 0
        for count, resource in enumerate(resources(vigie), 1):
            text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
            pathlib.Path(folder, f"{count}.json").write_text(text)
        subprocess.run(["zstd", "--train", "-r", folder, f"--maxdict={SIZE}", "-1", "-o", target], check=True)
    print(f"{count} resources, {pathlib.Path(target).stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
