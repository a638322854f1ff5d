"""An import-linter contract: which third parties a module may import. A deny-list would always be one SDK behind."""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowlistContract(Contract):
    """Each line of `allowed` is `module: third parties`; the longest line that fits a module holds for it."""

    type_name = "allowlist"
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        lines: list[str] = self.contract_options["allowed"]
        allowed = {ring.strip(): set(names.split()) for ring, names in (line.split(":") for line in lines)}
        root = str(self.session_options["root_packages"][0])
        violations = sorted(
            (module, imported)
            for module in graph.modules
            if not graph.is_module_squashed(module)
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.partition(".")[0] not in {root, *sys.stdlib_module_names}
            if imported not in _of_longest_match(module.removeprefix(f"{root}."), allowed)
        )
        return ContractCheck(kept=not violations, metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, imported in check.metadata["violations"]:
            output.print_error(f"{module} imports {imported}, which .importlinter does not allow there")


def _of_longest_match(module: str, allowed: dict[str, set[str]]) -> set[str]:
    matching = [ring for ring in allowed if f"{module}.".startswith(f"{ring}.")]
    return allowed[max(matching, key=len)] if matching else set()
