"""`logging` locks its handlers: every record arrives whole."""

import logging
import threading

import pytest


@pytest.mark.race
def test_all_records_arrive(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("racecheck.programs")
    caplog.set_level(logging.INFO, logger="racecheck.programs")

    def work(name: str) -> None:
        logger.info("%s starts", name)
        logger.info("%s ends", name)

    threads = [threading.Thread(target=target) for target in (lambda: work("a"), lambda: work("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record.getMessage() for record in caplog.records) == ["a ends", "a starts", "b ends", "b starts"]
