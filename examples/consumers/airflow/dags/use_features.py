"""A DAG that runs when features become available. An asset watches the topic, and each run handles the new events.

A run reads all asset events that no run has handled. It does not use `triggering_asset_events`, because Airflow 3.3
omits events that arrive while it creates a run (https://github.com/apache/airflow/issues/56050).
"""

import json
import os
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.sdk import Asset, AssetWatcher, dag, task
from feature_event_trigger import FeatureEventTrigger
from new_asset_events import NOTHING, read_pages

TOPIC = os.environ.get("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS")
# For one resource, add resources=["user_features"]. For removals too, add
# event_types=["feature_available", "feature_unavailable"], and look at each event's event_type in the task.
WATCHER = AssetWatcher(name="topic", trigger=FeatureEventTrigger(topics=[TOPIC]))
FEATURES = Asset("features_available", watchers=[WATCHER])
NOT_FROM_TOPIC = "asset event {} is not from the topic; it was created manually"


@dag(schedule=[FEATURES], max_active_runs=1)  # concurrent runs would handle the same events
def use_features() -> None:
    """Handle every event at least once."""

    @task(inlets=[FEATURES], retries=3)
    def use(inlet_events: Any, asset_state_store: Any) -> None:  # noqa: ANN401  # from Airflow's context
        unreadable = []
        for new, handled in read_pages(inlet_events[FEATURES], asset_state_store.get("handled", NOTHING)):
            for asset_event in new:
                payload = asset_event.extra.get("payload") or {"unreadable": NOT_FROM_TOPIC.format(asset_event.id)}
                if "event" in payload:
                    print(
                        json.dumps(payload, ensure_ascii=False)
                    )  # replace this with your own work, and drop duplicates by event_id
                else:
                    unreadable.append(payload["unreadable"])
            asset_state_store.set("handled", handled)
        if unreadable:
            raise AirflowFailException("; ".join(unreadable))

    use()


use_features()
