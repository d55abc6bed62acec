"""Flag meetings for trust and safety: the processor, its policy, and the scan of archived texts."""

from processors.meeting_flagging.decide import MeetingFlagging
from processors.meeting_flagging.policy_check import check
from processors.meeting_flagging.policy_files import SHIPPED, load_policy
from processors.meeting_flagging.rules import Policy, PolicyError
from processors.meeting_flagging.scanning import ScanResult, scan

__all__ = ["SHIPPED", "MeetingFlagging", "Policy", "PolicyError", "ScanResult", "check", "load_policy", "scan"]
