"""A template's conditions, decided before it is deployed.

LocalStack cannot delete a stack in which something refers to a resource whose condition is false, though CloudFormation can; so a
local endpoint gets the template without what its conditions leave out. The permissions of each stage are read from it, too.
"""

from collections.abc import Mapping
from typing import Any

_DROPPED = object()


def decided(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template without its conditions: branches chosen, resources and outputs whose condition is false left out."""
    chosen = _Conditions(template, parameters)
    left: dict[str, Any] = {name: section for name, section in template.items() if name != "Conditions"}
    for section in ("Resources", "Outputs"):
        left[section] = {
            name: {key: value for key, value in item.items() if key != "Condition"}
            for name, item in template[section].items()
            if chosen.holds(item.get("Condition"))
        }
    resolved: dict[str, Any] = chosen.resolve(left)
    return resolved


def contradictions(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """What the template's section Rules refuses in these parameters, in its own words."""
    chosen = _Conditions(template, parameters)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if chosen.holds(rule.get("RuleCondition"))
        for assertion in rule["Assertions"]
        if not chosen.holds(assertion["Assert"])
    ]


class _Conditions:
    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        self._values = {
            name: parameters.get(name, str(parameter.get("Default", "")))
            for name, parameter in template.get("Parameters", {}).items()
        }

    def holds(self, condition: Any) -> bool:
        """Of a name, or of an expression."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self._conditions[condition])
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(map(self.holds, argument))
            case "Fn::Or":
                return any(map(self.holds, argument))
            case "Fn::Equals":
                return self._text(argument[0]) == self._text(argument[1])
        raise ValueError(f"{function} is not understood in a condition")

    def _text(self, value: Any) -> str:
        if isinstance(value, str | int):
            return str(value)
        ((function, argument),) = value.items()
        if function == "Ref":
            return self._values[argument]
        if function == "Fn::Join":
            return self._text(argument[1])  # of a list parameter: is it empty?
        raise ValueError(f"{function} is not understood in a condition")

    def resolve(self, value: Any) -> Any:
        """The value with every Fn::If decided."""
        if isinstance(value, dict):
            if value == {"Ref": "AWS::NoValue"}:
                return _DROPPED
            if value.keys() == {"Fn::If"}:
                condition, yes, no = value["Fn::If"]
                return self.resolve(yes if self.holds(condition) else no)
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not _DROPPED}
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _DROPPED]
        return value
