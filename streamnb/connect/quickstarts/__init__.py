"""The data sets of the datagen connector, one file each."""

from streamnb.connect.quickstarts.access_points import ACCESS_POINTS
from streamnb.connect.quickstarts.authorization_attempts import AUTHORIZATION_ATTEMPTS
from streamnb.connect.quickstarts.base import Quickstart
from streamnb.connect.quickstarts.clickstream import CLICKSTREAM
from streamnb.connect.quickstarts.customers import CUSTOMERS
from streamnb.connect.quickstarts.pageviews import PAGEVIEWS
from streamnb.connect.quickstarts.ratings import RATINGS
from streamnb.connect.quickstarts.syslog import SYSLOG
from streamnb.connect.quickstarts.users import USERS

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
