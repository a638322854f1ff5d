"""Detector `presidio`: what the recognizers of Microsoft Presidio find, without a model or with one of spaCy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.findings import Finding
from lightagent.ports.detectors import Detector

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngine

NOT_PRIVATE: Final = frozenset({"DATE_TIME", "URL"})
"""What it finds only where it is asked for: neither is private by itself."""

_SCORE: Final = 0.4


class PresidioDetector(Detector):
    """Finds what presidio does, which takes some milliseconds a text. A word beside a number counts, so texts are read
    whole. Nothing is downloaded: neither a model nor the list of the Internet's top-level domains.

    Args:
        language: of the texts, as spaCy names it.
        entities: what is looked for, by presidio's names; none: all that it finds without those of `NOT_PRIVATE`.
        pipeline: a pipeline of spaCy that is installed, such as ``en_core_web_sm``, which also finds names and places;
            None: only what patterns and check digits find.
        score: what presidio has to give a finding, from 0 to 1.

    Raises:
        ConfigurationError: the language, an entity or the pipeline is unknown.
    """

    def __init__(
        self, language: str = "en", entities: Sequence[str] = (), pipeline: str | None = None, score: float = _SCORE
    ) -> None:
        self._engine = _engine(language, pipeline)
        self._language = language
        known = set(self._engine.get_supported_entities(language))
        unknown = sorted(set(entities) - known)
        if unknown:
            raise ConfigurationError(
                f"entities: presidio finds no {unknown[0]!r:.60} in {language!r}.",
                guidance=f"It finds: {', '.join(sorted(known))}.",
            )
        self._entities = list(entities) or sorted(known - NOT_PRIVATE)
        self._score = score

    @property
    def name(self) -> str:
        return "presidio"

    @property
    def window(self) -> None:
        """None: words at any place count."""
        return None

    def find(self, text: str) -> Sequence[Finding]:
        found = self._engine.analyze(text, self._language, self._entities, score_threshold=self._score)
        return [Finding(one.start, one.end, one.entity_type.lower()) for one in found]


def _engine(language: str, pipeline: str | None) -> AnalyzerEngine:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    nlp = _nlp_engine(language, pipeline)
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=nlp)
    if pipeline is None:
        registry.remove_recognizer("SpacyRecognizer")
    _check_addresses_offline(registry, language)
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[language])


def _nlp_engine(language: str, pipeline: str | None) -> NlpEngine:
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    if pipeline is not None and not spacy.util.is_package(pipeline):
        raise ConfigurationError(
            f"pipeline: spaCy's {pipeline!r:.60} is not installed.", guidance="Install its package, or pass None."
        )
    try:
        nlp = spacy.load(pipeline) if pipeline is not None else spacy.blank(language)
    except ImportError:
        raise ConfigurationError(
            f"language: spaCy knows no language {language!r:.20}.", guidance="Pass its code, such as 'en'."
        ) from None
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": pipeline or "blank"}])
    vars(engine)["nlp"] = {language: nlp}  # Its own way downloads a pipeline that is not there, and knows no blank one.
    return engine


def _check_addresses_offline(registry: RecognizerRegistry, language: str) -> None:
    """Have email addresses checked by the list of top-level domains that tldextract ships; it downloads a newer one."""
    import tldextract
    from presidio_analyzer.predefined_recognizers import EmailRecognizer

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class OfflineEmailRecognizer(EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(extract(pattern_text).fqdn)

    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(OfflineEmailRecognizer(supported_language=language))


class Options(BaseModel):
    """What the detector takes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    language: str = Field("en", description="of the texts, as spaCy names it")
    entities: tuple[str, ...] = Field((), description="what to look for, by presidio's names; none for all")
    pipeline: str | None = Field(None, description="a pipeline of spaCy that is installed; without one, patterns only")
    score: float = Field(_SCORE, ge=0, le=1, description="what presidio has to give a finding")


ADAPTER = Adapter(
    Options,
    lambda options: PresidioDetector(options.language, options.entities, options.pipeline, options.score),
    requires=("presidio_analyzer", "spacy", "tldextract"),
    extra="presidio",
)
