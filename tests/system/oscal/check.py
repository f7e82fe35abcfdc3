"""Reads a component definition from standard input by the models that trestle generates from NIST's schema of OSCAL 1.1.3, which
know every field and forbid any other, and says what is wrong with it."""

import json
import sys

from trestle.oscal.component import Model

document = json.load(sys.stdin)
try:
    definition = Model.parse_obj(document).component_definition
except ValueError as error:
    sys.exit(f"not valid: {str(error)[-2000:]}")
for component in definition.components:
    for implementation in component.control_implementations or []:
        print(f"{component.title}: {len(implementation.implemented_requirements)} requirements")
