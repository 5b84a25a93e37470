#!/usr/bin/env python3
"""Trains the dictionary that stored bodies are compressed with, on what the example patients become.

    tests/tools/dictionary.py target/release/vigie src/store/dictionary/2.zdict

A dictionary that was shipped never changes: stored bodies need it. A better one gets the next number, which
is also its id in each body that needs it. Needs zstd.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SIZE = 80_000
# Pieces of 1,000 bytes: whole resources, so that a body is few matches. Tried from 600 to 2,000, and sizes from 64 to 100 KB.
TRAINING = "--train-fastcover=k=1000,d=8,f=20,accel=1"


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
        number = pathlib.Path(target).stem
        subprocess.run(["zstd", TRAINING, f"--dictID={number}", "-r", folder, f"--maxdict={SIZE}", "-1", "-o", target], check=True)
    print(f"{count} resources, {pathlib.Path(target).stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
