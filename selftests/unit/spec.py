#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The netlink spec and the uapi header say the same.

Every constant, enum, attribute and command of Documentation/netlink/specs/mqtt.yaml
has its name and value in include/uapi/linux/mqtt.h, and the header has no other.
Names are formed as linux's tools/net/ynl/ynl-gen-c.py forms them. Prints TAP.
"""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = ROOT / "Documentation/netlink/specs/mqtt.yaml"
HEADER = ROOT / "include/uapi/linux/mqtt.h"


def c_name(name):
    return name.upper().replace("-", "_")


def header_enums(text):
    """{enum: {enumerator: value}}, private ones included."""
    enums = {}
    for name, body in re.findall(r"^enum (\w+) \{(.*?)^\};", text, re.M | re.S):
        value, entries = -1, {}
        for entry in filter(None, (e.strip() for e in body.split(","))):
            enumerator, _, explicit = (part.strip() for part in entry.partition("="))
            value = int(explicit, 0) if explicit else value + 1
            entries[enumerator] = value
        enums[name] = entries
    return enums


def header_read():
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.S)
    defines = dict(re.findall(r"^#define[ \t]+(\w+)[ \t]+(.+?)[ \t]*$", text, re.M))
    return defines, header_enums(text)


def numbered(prefix, entries, first):
    """{enumerator: value} of entries that may give their value, else count on."""
    result, value = {}, first
    for entry in entries:
        entry = {"name": entry} if isinstance(entry, str) else entry
        value = entry.get("value", value)
        result[prefix + c_name(entry["name"])] = value
        value += 1
    return result


def closed(prefix, entries):
    """Adds what the header has around a list that may grow."""
    return {prefix + "UNSPEC": 0, **entries, f"__{prefix}MAX": max(entries.values()) + 1}


def spec_enums(spec):
    family = spec["name"]
    enums = {}
    for item in spec["definitions"]:
        if item["type"] == "enum":
            prefix = c_name(item.get("name-prefix", f"{family}-{item['name']}-"))
            name = item.get("enum-name", f"{family}-{item['name']}")
            enums[name] = numbered(prefix, item["entries"], item.get("value-start", 0))
    for item in spec["attribute-sets"]:
        prefix = c_name(item.get("name-prefix", f"{family}-a-{item['name']}-"))
        enums[item["enum-name"]] = closed(prefix, numbered(prefix, item["attributes"], 1))
    operations = spec["operations"]
    prefix = c_name(operations["name-prefix"])
    enums[operations["enum-name"]] = closed(prefix, numbered(prefix, operations["list"], 1))
    return {name.replace("-", "_"): entries for name, entries in enums.items()}


def spec_defines(spec):
    defines = {
        c_name(spec["c-family-name"]): f'"{spec["name"]}"',
        c_name(spec["c-version-name"]): str(spec.get("version", 1)),
    }
    for item in spec["definitions"]:
        if item["type"] == "const":
            defines[c_name(f"{spec['name']}-{item['name']}")] = str(item["value"])
    for entries in spec_enums(spec).values():
        for name in entries:
            if name.startswith("__"):
                defines[name[2:]] = f"({name} - 1)"
    return defines


def undocumented(spec):
    """Attributes and commands without a doc; padding and nests speak for themselves."""
    for item in spec["attribute-sets"]:
        for attr in item["attributes"]:
            if "doc" not in attr and attr["type"] not in ("pad", "nest"):
                yield f"{item['name']}: {attr['name']}"
    for item in spec["operations"]["list"]:
        if "doc" not in item:
            yield item["name"]


def unknown_references(spec):
    """Names of sets, enums and attributes that the spec uses but does not define."""
    sets = {item["name"]: {a["name"] for a in item["attributes"]}
            for item in spec["attribute-sets"]}
    enums = {item["name"] for item in spec["definitions"]}
    for item in spec["attribute-sets"]:
        for attr in item["attributes"]:
            if attr["type"] == "nest" and attr.get("nested-attributes") not in sets:
                yield f"{item['name']}: {attr['name']}"
            if "enum" in attr and attr["enum"] not in enums:
                yield f"{item['name']}: {attr['name']}: {attr['enum']}"
    for item in spec["operations"]["list"]:
        for kind in ("do", "dump"):
            for message in item.get(kind, {}).values():
                for attr in set(message["attributes"]) - sets[item["attribute-set"]]:
                    yield f"{item['name']}: {attr}"


def differences(ours, theirs):
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{name}: spec {ours.get(name)}, header {theirs.get(name)}"


def main():
    spec = yaml.safe_load(SPEC.read_text())
    defines, enums = header_read()
    expected = spec_enums(spec)

    results = [
        ("constants", list(differences(spec_defines(spec), defines))),
        ("names of enums", sorted(expected.keys() ^ enums.keys())),
    ]
    for name in sorted(expected.keys() & enums.keys()):
        results.append((f"enum {name}", list(differences(expected[name], enums[name]))))
    results.append(("everything is documented", list(undocumented(spec))))
    results.append(("everything used is defined", list(unknown_references(spec))))

    print("TAP version 13")
    print(f"1..{len(results)}")
    for number, (name, problems) in enumerate(results, 1):
        print(f"{'not ok' if problems else 'ok'} {number} {name}")
        for problem in problems:
            print(f"# {problem}")
    return any(problems for _, problems in results)


if __name__ == "__main__":
    sys.exit(main())
