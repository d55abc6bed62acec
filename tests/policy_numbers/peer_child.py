"""Run a peer over texts: a JSON list on stdin, the peer's answers on stdout. Runs in the peers' Python, on its own."""

import json
import sys


def alt_profanity_check(texts):
    from profanity_check import predict_prob  # noqa: PLC0415 # each peer alone

    return [bool(chance >= 0.5) for chance in predict_prob(texts)]


def safetype(texts):
    from safetype import create_moderation_engine  # noqa: PLC0415 # each peer alone

    engine = create_moderation_engine()
    return [bool(engine.moderate(text).matches) for text in texts]


def presidio(texts):
    import spacy  # noqa: PLC0415 # each peer alone
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415 # each peer alone
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415 # each peer alone

    class Blank(SpacyNlpEngine):
        def __init__(self):
            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
            self.nlp = {"en": spacy.blank("en")}

    engine = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])
    return [[(one.entity_type, one.start, one.end) for one in engine.analyze(text, "en")] for text in texts]


PEERS = {"alt-profanity-check": alt_profanity_check, "safetype": safetype, "presidio": presidio}
json.dump(PEERS[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
