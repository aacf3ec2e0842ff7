"""What CloudFormation would say of a packaged template, asked without an account."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from local.aws import REGION

# What deploying puts in the place of the zip's path.
CODE = "s3://bucket/code.zip"


def with_code(template: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """A copy of the template whose functions have their code at `uri`."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = uri
    return copy


def transformed(template: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """What SAM makes of it, by the code that AWS itself runs; raises InvalidDocumentException."""
    from samtranslator.parser.parser import Parser  # only here: it takes a second, and make run needs none of it
    from samtranslator.translator.translator import Translator

    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)  # it wants to tell AWS how often it was used
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        made: dict[str, Any] = Translator({}, Parser()).translate(with_code(template, CODE), {"Stage": stage})
    return made


def complaints(path: Path) -> str:
    """Of cfn-lint, without exceptions, or else of the SAM transform; empty when both are content."""
    from samtranslator.model.exceptions import InvalidDocumentException

    linter = [Path(sys.executable).with_name("cfn-lint"), path]
    done = subprocess.run(linter, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True)
    if done.returncode:
        return done.stdout + done.stderr
    template = json.loads(path.read_text())
    try:
        transformed(template, template["Parameters"]["Stage"]["Default"])
    except InvalidDocumentException as error:
        return str(error.message)
    return ""
