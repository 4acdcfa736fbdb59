"""What a screen reader is told of the window: every control of each page, by role and name, as JSON.

Usage: accessible.py PID. It goes from page to page as a screen reader does: by the links of the navigation.
"""

import json
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

# Nothing is written beside the scripts.
sys.dont_write_bytecode = True
from atspi import parts  # noqa: E402

CONTROLS = {
    "push button", "button", "toggle button", "check box", "radio button", "entry", "password text",
    "combo box", "link", "spin button", "slider", "menu item", "page tab", "switch", "text",
}


def controls(window):
    """The controls that are shown: role and name."""
    found = []
    for node in parts(window):
        try:
            role = node.get_role_name()
            if role not in CONTROLS:
                continue
            states = node.get_state_set()
            if not states.contains(Atspi.StateType.SHOWING):
                continue
            # Plain text has the same role as a field in which is typed.
            if role == "text" and not states.contains(Atspi.StateType.EDITABLE):
                continue
            found.append((role, (node.get_name() or "").strip(), node))
        except gi.repository.GLib.Error:
            continue  # It went away meanwhile.
    return found


def window_of(pid):
    """The window of the app; what belongs to its web process is below it."""
    desktop = Atspi.get_desktop(0)
    for at in range(desktop.get_child_count()):
        app = desktop.get_child_at_index(at)
        if app is not None and app.get_process_id() == pid and app.get_child_count() > 0:
            return app
    return None


def until(ask, what, seconds=60):
    """What it gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer:
                return answer
        except gi.repository.GLib.Error:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not in time: {what}")


def main():
    pid = int(sys.argv[1])
    window = until(lambda: window_of(pid), "the window is on the bus of the screen readers")

    def links():
        return [each for each in controls(window) if each[0] == "link" and each[1]]

    pages = [name for _, name, _ in until(lambda: links() if len(links()) >= 6 else None, "the navigation")]
    result = []
    for page in pages[:6]:
        link = next((node for _, name, node in links() if name == page), None)
        if link is None or not link.do_action(0):
            raise SystemExit(f"the link {page!r} cannot be followed")
        before = None
        # The page has come once it says the same twice.
        for _ in range(50):
            time.sleep(0.2)
            now = [(role, name) for role, name, _ in controls(window)]
            if now and now == before:
                break
            before = now
        result.append({"page": page, "controls": [{"role": role, "name": name} for role, name in now]})
    json.dump(result, sys.stdout)


main()
