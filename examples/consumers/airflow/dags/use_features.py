"""A DAG that runs when features are available: an asset watches the topic, and each run handles what is new.

A run is a wake-up only: it reads the asset's events that no run has handled, not `triggering_asset_events`, from which
Airflow 3.3 leaves out what comes while a run is being made (https://github.com/apache/airflow/issues/56050).
"""

import json
import os
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.sdk import Asset, AssetWatcher, dag, task
from feature_event_trigger import FeatureEventTrigger
from new_asset_events import NOTHING, read_pages

TOPIC = os.environ.get("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS")
# resources=["user_features"] makes asset events of that resource's events alone
WATCHER = AssetWatcher(name="topic", trigger=FeatureEventTrigger(topics=[TOPIC]))
FEATURES = Asset("features_available", watchers=[WATCHER])
NOT_OF_THE_TOPIC = "asset event {} is not of the topic: somebody made it by hand"


@dag(schedule=[FEATURES], max_active_runs=1)  # one at a time: two would handle the same events
def use_features() -> None:
    """Handles every event at least once."""

    @task(inlets=[FEATURES], retries=3)
    def use(inlet_events: Any, asset_state_store: Any) -> None:  # noqa: ANN401  # of Airflow's context
        unreadable = []
        for new, handled in read_pages(inlet_events[FEATURES], asset_state_store.get("handled", NOTHING)):
            for asset_event in new:
                payload = asset_event.extra.get("payload") or {"unreadable": NOT_OF_THE_TOPIC.format(asset_event.id)}
                if "event" in payload:
                    print(json.dumps(payload, ensure_ascii=False))  # the job's place; it drops repeats by event_id
                else:
                    unreadable.append(payload["unreadable"])
            asset_state_store.set("handled", handled)
        if unreadable:
            raise AirflowFailException("; ".join(unreadable))

    use()


use_features()
