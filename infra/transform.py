"""Transforms a SAM template and the templates that it nests, without asking AWS.

    python infra/transform.py template.yaml > transformed.json

writes {"template.yaml": {...}, "infra/roles.yaml": {...}, ...}: the template
itself and every nested one by its path from the template's folder, as
CloudFormation JSON, with intrinsic functions in their long form. Needs
aws-sam-translator and PyYAML, see internal/standin/install.sh.
"""

import json
import logging
import os
import sys

import yaml
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

# The translator asks for a region and for nothing else.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
os.environ.setdefault("AWS_ACCESS_KEY_ID", "none")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "none")
logging.disable(logging.WARNING)


class NoManagedPolicies:
    """The templates write their policies out."""

    def load(self):
        return {}


class Loader(yaml.CSafeLoader):
    """YAML with the short forms of intrinsic functions, and dates as text."""


def intrinsic(loader, tag, node):
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = loader.construct_scalar(node)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else "Fn::" + tag: value}


def mapping(loader, node):
    """A name that stands twice is a mistake, and the second would win."""
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise ValueError(f"{key.value} stands twice, line {key.start_mark.line + 1}")
        seen.add(key.value)
    return yaml.CSafeLoader.construct_mapping(loader, node, deep=True)


Loader.add_multi_constructor("!", intrinsic)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def read(path):
    with open(path, encoding="utf-8") as f:
        return yaml.load(f, Loader)


def local(template):
    """Local paths stand for what sam deploy uploads; the translator wants S3."""
    for r in template.get("Resources", {}).values():
        properties = r.get("Properties", {})
        if r.get("Type") == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://packages/" + properties["CodeUri"]


def main(path):
    folder = os.path.dirname(os.path.abspath(path))
    out, todo = {}, [os.path.basename(path)]
    while todo:
        name = todo.pop()
        template = read(os.path.join(folder, name))
        if "Transform" in template:
            local(template)
            defaults = {k: p["Default"] for k, p in template.get("Parameters", {}).items() if "Default" in p}
            template = transform(template, defaults, NoManagedPolicies())
        out[name] = template
        for r in template.get("Resources", {}).values():
            url = r.get("Properties", {}).get("TemplateURL") if r.get("Type") == "AWS::CloudFormation::Stack" else None
            if url is not None and url not in out:
                todo.append(url)
    json.dump(out, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except InvalidDocumentException as e:
        sys.exit("the template cannot be transformed: " + "; ".join(c.message for c in e.causes))
    except (OSError, KeyError, ValueError, yaml.YAMLError) as e:
        sys.exit(f"the template cannot be read: {e}")
