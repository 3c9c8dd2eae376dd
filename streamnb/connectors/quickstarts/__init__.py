"""The data sets of the datagen connector, one file each."""

from streamnb.connectors.quickstarts.access_points import ACCESS_POINTS
from streamnb.connectors.quickstarts.authorization_attempts import AUTHORIZATION_ATTEMPTS
from streamnb.connectors.quickstarts.base import Quickstart
from streamnb.connectors.quickstarts.clickstream import CLICKSTREAM
from streamnb.connectors.quickstarts.customers import CUSTOMERS
from streamnb.connectors.quickstarts.pageviews import PAGEVIEWS
from streamnb.connectors.quickstarts.ratings import RATINGS
from streamnb.connectors.quickstarts.syslog import SYSLOG
from streamnb.connectors.quickstarts.users import USERS

__all__ = ["QUICKSTARTS", "Quickstart"]

QUICKSTARTS: tuple[Quickstart, ...] = (
    RATINGS,
    CUSTOMERS,
    CLICKSTREAM,
    USERS,
    AUTHORIZATION_ATTEMPTS,
    SYSLOG,
    ACCESS_POINTS,
    PAGEVIEWS,
)
