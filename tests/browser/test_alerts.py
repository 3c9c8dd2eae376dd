"""Alerts in JupyterLab: the push notification of the talk's unhappy platinum customers."""

from __future__ import annotations

import pytest

from tests.browser.jupyter import Lab, NotebookPage
from tests.browser.test_views import screenshot

pytestmark = pytest.mark.browser

PIPELINE = """%%ksql -o unhappy --no-display
CREATE STREAM RATINGS (ID INT KEY, NAME VARCHAR, STARS INT, CLUB_STATUS VARCHAR, MESSAGE VARCHAR)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
SELECT NAME, STARS, MESSAGE FROM RATINGS WHERE CLUB_STATUS = 'platinum' EMIT CHANGES;
"""
ALERT = """called = []
alert = unhappy.alert("STARS = 1", title="Unhappy platinum customers", callback=called.append, topic="alerts")
alert"""
INSERT = (
    "get_ipython().run_line_magic('ksql', \"INSERT INTO RATINGS VALUES ({}, '{}', {}, 'platinum', 'worst. flight.')\")"
)
COUNT = """session = get_ipython().magics_manager.registry['KsqlMagics'].session
print(session.workspace.sql('SELECT COUNT(*) FROM topic."alerts"').rows)"""
# Chromium without a window has no notifications, so the page is given ones that note what they are told.
NOTIFICATIONS = """() => {
    window.notified = [];
    window.Notification = class { constructor(title, { body }) { window.notified.push([title, body]); } };
    window.Notification.permission = 'granted';
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_matching_row_raises_one_banner_and_one_notification(lab: Lab, notebook_page: NotebookPage, theme: str) -> None:
    page = notebook_page.page
    notebook_page.open(lab, lab.write("alerts.ipynb", ["%load_ext streamnb\n%ksql memory://", PIPELINE, ALERT]))
    notebook_page.choose_theme(theme)
    page.evaluate(NOTIFICATIONS)
    notebook_page.run_all()
    page.wait_for_selector(".snb-alerts-head")
    notebook_page.kernel(INSERT.format(1, "Neha", 1))
    page.wait_for_function("() => document.querySelectorAll('.snb-alert').length === 1")
    notebook_page.kernel(INSERT.format(2, "Ada", 4))
    notebook_page.kernel(INSERT.format(3, "<b>Bob</b>", 1))
    page.wait_for_function("() => document.querySelectorAll('.snb-alert').length === 2")
    screenshot(notebook_page, f"alerts-{theme}")
    newest = page.locator(".snb-alert-facts").first.text_content()
    assert newest == "NAME<b>Bob</b>STARS1MESSAGEworst. flight."
    assert page.locator(".snb-alerts-count").text_content() == "2 alerts"
    assert page.evaluate("() => window.notified") == [
        ["Unhappy platinum customers", "NAME Neha · STARS 1 · MESSAGE worst. flight."],
        ["Unhappy platinum customers", "NAME <b>Bob</b> · STARS 1 · MESSAGE worst. flight."],
    ]
    page.get_by_role("button", name="dismiss").first.click()
    page.wait_for_function("() => document.querySelectorAll('.snb-alert').length === 1")
    assert notebook_page.kernel("print([row['NAME'] for row in called])").strip() == "['Neha', '<b>Bob</b>']"
    assert notebook_page.kernel(COUNT).strip() == "[(2,)]"
    assert notebook_page.console_errors == []
