"""A picture in a thread, by the unmodified SDK, in a Slack that checks scopes."""

from monitor.api.slack_web import SlackWeb
from monitor.render.alert_chart import charts_of
from monitor.render.chart import png
from monitor.render.samples import metric
from tests.platform.stack.slack import SlackServer


def test_a_picture_is_uploaded_into_the_thread_of_its_incident(slack_server: SlackServer) -> None:
    web = SlackWeb(slack_server.token, slack_server.api_url)
    posted = web.write("chat.postMessage", {"channel": "recsys-alerts", "text": "an incident"})
    place = {"channel": str(posted["channel"]), "ts": str(posted["ts"])}
    image = png(charts_of(metric())[0], "UTC")
    assert image is not None
    web.upload(image, "chart.png", "impressions: last 792, expected 1440", place)
    (_, reply) = web.read("conversations.replies", {**place})["messages"]
    (file,) = reply["files"]
    assert (file["name"], file["title"]) == ("chart.png", "impressions: last 792, expected 1440")
    assert (file["mimetype"], file["size"]) == ("image/png", len(image))
