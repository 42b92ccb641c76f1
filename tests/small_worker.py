"""
A worker process that trains for real, only less: the small base model, a few thousand tokens.

    python -m tests.small_worker training --home HOME
"""

import sys
from dataclasses import replace

from tests.models import linked_encoder, small_base_model
from training.config import TrainingConfig
from training.run import TrainedRelease, train_release
from worker.__main__ import main
from worker.retraining import Report, TrainingOrder

SMALL = replace(
    TrainingConfig(),
    token_budget=2_500,
    epochs=1,
    max_graph_examples=40,
    max_encoded=160,
    max_eval_rows=16,
    closed_book_rows=2,
    golden_prompts=4,
    paraphrased=3,
    repeated=3,
)


def train_small(order: TrainingOrder, report: Report) -> TrainedRelease:
    """
    What `worker.retraining.train` does, with a small configuration.
    """
    return train_release(
        location=order.location,
        name=order.name,
        home=order.home,
        base_model=small_base_model(),
        config=SMALL,
        corrections=order.corrections,
        previous=order.previous,
        encoder=linked_encoder(order.home),
        events=order.events,
        report=report,
    )


if __name__ == "__main__":
    sys.exit(main(train=train_small))
