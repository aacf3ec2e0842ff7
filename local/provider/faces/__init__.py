"""The APIs that the local provider speaks, one face for each provider, over one ledger and one set of faults."""

from local.provider.faces.aws_sms import AwsSms
from local.provider.faces.contract import Contract
from local.provider.faces.face import Face
from local.provider.faces.infobip import Infobip
from local.provider.faces.smsc import Smsc
from local.provider.faces.twilio import Twilio

FACES: tuple[Face, ...] = (Contract(), Twilio(), Infobip(), Smsc(), AwsSms())
