"""Names that do not exist."""

import lightagent
from LightAgent import LigthAgent  # wrong
from lightagent import Memory  # wrong
from lightagent.adapters.chat.openai import OpenAIModel  # wrong
from lightagent.adapters.telemetry.otel import OpenTelemetry  # wrong
from lightagent.options import RunOption  # wrong
from lightagent.testing import ScriptedModle  # wrong


def use(value: object) -> None: ...


lightagent.LightAgnet()  # wrong
use(lightagent.tol)  # wrong
del LigthAgent, Memory, OpenAIModel, OpenTelemetry, RunOption, ScriptedModle
