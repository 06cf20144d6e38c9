"""Real-time priority for a thread that sound waits for, where the system grants it."""

import os
import sys

#: The usual one of sound servers for their own threads: low, as real time goes.
PRIORITY = 5


def ask_for_realtime() -> bool:
    """Have this thread run before all that are not real-time, as will those that it starts from now on.

    Where that is refused, as on most Linux systems to a user in no group for it, all stays as it was. Other
    systems are not asked: they give the threads of sound devices their priority by themselves.

    Not for PortAudio's threads: on ALSA's pulse plugin they may wait for the sound server in a busy loop, and
    in real time kept it from the processor that it needed for its answer.

    Returns:
        Whether it was granted.
    """
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))  # 0: this thread alone
    except OSError:
        return False
    return True
