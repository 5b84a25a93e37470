#!/usr/bin/env python3
"""Judges HL7 v2 messages with hl7apy, and is a platform of another make over MLLP with hl7 (hl7.mllp).

    hl7v2_oracle.py read FOLDER        every FOLDER/*.hl7 has the structure of its version, and spoilt copies have not
    hl7v2_oracle.py serve COMMAND...   runs the command with VIGIE_TEST_MLLP_PEER, and acknowledges what it sends there
    hl7v2_oracle.py send VIGIE         starts the service, sends identities to its listener and reads the acknowledgments

One line a fault; status 1 when there is one, or nothing was judged at all.
"""

import asyncio
import base64
import os
import sys
import tempfile
from pathlib import Path

import hl7
from hl7.mllp import open_hl7_connection, start_hl7_server
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hl7apy.validation import Validator

# What each spoilt copy lacks or has in the wrong place, and hl7apy has to notice.
SPOILT = [
    ("no MSH-10", lambda lines: [lines[0].replace("|Abcdefghij0123456789|", "||"), *lines[1:]]),
    ("no PID-3", lambda lines: [blank(line, "PID", 3) for line in lines]),
    ("no OBX-11", lambda lines: [blank(line, "OBX", 11) for line in lines]),
    ("no OBR", lambda lines: [line for line in lines if not line.startswith("OBR")]),
]


def blank(line, name, field):
    if not line.startswith(name):
        return line
    fields = line.split("|")
    fields[field] = ""
    return "|".join(fields)


def faults(text):
    """What hl7apy says. PRT is of v2.9 and NTE behind OBX of MDM fits; the guide takes PRT over, hl7apy does not know it."""
    lines = [line for line in text.split("\r") if line and not line.startswith("PRT")]
    try:
        message = parse_message("\r".join(lines) + "\r", validation_level=VALIDATION_LEVEL.TOLERANT)
        Validator.validate(message)
    except Exception as fault:  # noqa: BLE001: whatever it says is a fault
        return [f"{type(fault).__name__}: {fault}"]
    return []


def read(folder):
    found, files = [], sorted(Path(folder).glob("*.hl7"))
    for file in files:
        text = file.read_bytes().decode()
        found += [f"{file.name}: {fault}" for fault in faults(text)]
        lines = text.split("\r")
        for what, spoil in SPOILT:
            if not faults("\r".join(spoil(lines))):
                found.append(f"{file.name}: hl7apy does not notice: {what}")
        found += [f"{file.name}: {fault}" for fault in content(text)]
    return found or ([] if files else ["no message was judged"])


def content(text):
    """The document, read by the other parser (hl7)."""
    message = hl7.parse(text)
    obx = message.segments("OBX")[0]
    document = base64.b64decode(str(obx[5][0][4]))
    faults = []
    if b"<ClinicalDocument" not in document:
        faults.append("OBX-5.5 is no CDA")
    if str(message.segment("OBR")[4]) != str(obx[3]):
        faults.append("OBR-4 is not OBX-3")
    names = [str(one[3][0][0]) for one in message.segments("OBX")[1:11]]
    if names[0] != "MASQUE_PS" or names[5] != "DESTDMP" or names[9] != "ACK_LECTURE_MSS":
        faults.append(f"metadata are out of order: {names}")
    return faults


async def serve(command):
    seen = []

    async def connection(reader, writer):
        try:
            while not reader.at_eof():
                message = await reader.readmessage()
                seen.append(str(message.segment("MSH")[10]))
                writer.writemessage(message.create_ack("AA"))
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    server = await start_hl7_server(connection, host="127.0.0.1", port=0, encoding="utf-8")
    host, port = server.sockets[0].getsockname()[:2]
    environment = {**os.environ, "VIGIE_TEST_MLLP_PEER": f"{host}:{port}"}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    status = await process.wait()
    server.close()
    found = [] if status == 0 else [f"the command ended with {status}"]
    return found if seen else [*found, "nothing arrived"]


def identity(number, status):
    return (
        f"MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260309142000+0100||ADT^A28^ADT_A05|{number}|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r"
        f"EVN||20260309142000+0100\rPID|||{number}^^^CHU&1.2.250.1.999.2&ISO^PI||ÉTÉ-TEST^DOMINIQUE^^^^^L||19790328|F"
        + "|" * 23
        + f"N|{status}\r"
    )


async def send(command):
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "VIGIE_LISTEN": "127.0.0.1:0",
            "VIGIE_MLLP_LISTEN": "127.0.0.1:0",
            "VIGIE_DATABASE": f"sqlite:{folder}/vigie.sqlite",
            "VIGIE_ISSUER_ENVIRONMENT": "test",
            "VIGIE_LOG_LEVEL": "error",
        }
        service = await asyncio.create_subprocess_exec(
            *command, "serve", env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE
        )
        try:
            while line := (await asyncio.wait_for(service.stdout.readline(), 120)).decode():
                if "mllp://" in line:
                    return await identities(line.strip().rpartition("mllp://")[2])
            return ["the service does not listen"]
        finally:
            service.terminate()
            await service.wait()


async def identities(address):
    host, port = address.rsplit(":", 1)
    reader, writer = await open_hl7_connection(host, int(port), encoding="utf-8")
    found = []
    cases = [(f"S{n}", "PROV", "AA") for n in range(20)] + [("S0", "PROV", "AA")]
    for number, status, expected in cases:
        writer.writemessage(hl7.parse(identity(number, status)))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readmessage(), 10)
        code, about = str(answer.segment("MSA")[1]), str(answer.segment("MSA")[2])
        if (code, about) != (expected, number):
            found.append(f"{number} was answered {code} for {about}")
    writer.writemessage(hl7.parse(identity("S99", "PROV").replace("CHU&1.2.250.1.999.2&ISO", "AILLEURS")))
    await writer.drain()
    answer = await asyncio.wait_for(reader.readmessage(), 10)
    if str(answer.segment("MSA")[1]) != "AE" or str(answer.segment("ERR")[2]) != "PID^1^3^1^4":
        found.append(f"a fault was answered {answer}")
    writer.close()
    return found


def main():
    verb, *arguments = sys.argv[1:]
    found = read(arguments[0]) if verb == "read" else asyncio.run({"serve": serve, "send": send}[verb](arguments))
    for fault in found:
        print(fault)
    return 1 if found else 0


sys.exit(main())
