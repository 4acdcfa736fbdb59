"""Sees and uses windows as a screen reader and a hand do: what is shown, by role and name, and real clicks with the pointer.

Each line of its input is a JSON array, and each gets a line of JSON: ["text", PID] all that is shown, from top to bottom;
["click", PID, ROLE, NAME] a click in the middle of it, where that was; nothing if it is not there, or had to be scrolled to first:
then it is to be asked again; ["pids"] whose windows there are.
"""

import ctypes
import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

# Nothing is written beside the scripts.
sys.dont_write_bytecode = True
from atspi import parts  # noqa: E402

server_of_x, server = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
server_of_x.XOpenDisplay.restype = ctypes.c_void_p
server_of_x.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
server.XTestFakeMotionEvent.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ulong]
server.XTestFakeButtonEvent.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_ulong]
display = server_of_x.XOpenDisplay(None)
WHEEL_UP, WHEEL_DOWN = 4, 5


def apps():
    """Everything that has a window, by process."""
    desktop = Atspi.get_desktop(0)
    for at in range(desktop.get_child_count()):
        app = desktop.get_child_at_index(at)
        if app is not None and app.get_child_count() > 0:
            yield app.get_process_id(), app


def shown(pid, state=Atspi.StateType.SHOWING):
    """What is on the screen of a process, or could be scrolled to."""
    for owner, app in apps():
        if owner == pid:
            for node in parts(app):
                try:
                    if node.get_state_set().contains(state):
                        yield node
                except GLib.Error:
                    continue  # It went away meanwhile.


def said(node):
    """Its own words."""
    has_text = "Text" in node.get_interfaces()
    words = Atspi.Text.get_text(node, 0, min(Atspi.Text.get_character_count(node), 20_000)) if has_text else ""
    # What stands for a part inside is said by that part.
    words = words.replace("\ufffc", " ").strip()
    return words or (node.get_name() or "").strip()


def press(x, y, button=1):
    """The pointer goes there, and a button is pressed and released: what the server makes of a real one."""
    server.XTestFakeMotionEvent(display, -1, x, y, 0)
    for is_down in (1, 0):
        server.XTestFakeButtonEvent(display, button, is_down, 30)
    server_of_x.XSync(display, 0)


def extents(node):
    return Atspi.Component.get_extents(node, Atspi.CoordType.SCREEN)


def window(pid):
    """The box of a process' window."""
    return next((extents(app.get_child_at_index(0)) for owner, app in apps() if owner == pid), None)


def click(pid, role, name):
    """A click in the middle of what has this role and name, if it is there; a step of the wheel towards it if it is not in sight."""
    frame = window(pid)
    for node in shown(pid, Atspi.StateType.VISIBLE):
        try:
            if node.get_role_name() not in (role, f"push {role}") or said(node) != name and node.get_name() != name:
                continue
            box = extents(node)
            if box.width <= 0:
                continue
            x, y = box.x + box.width // 2, box.y + box.height // 2
            if frame.y < y < frame.y + frame.height:
                press(x, y)
                return [x, y]
            press(frame.x + frame.width // 2, frame.y + frame.height // 2, WHEEL_DOWN if y > frame.y else WHEEL_UP)
            return None
        except GLib.Error:
            continue
    return None


def main():
    for line in sys.stdin:
        try:
            command, *values = json.loads(line)
            if command == "text":
                answer = []
                for node in shown(values[0]):
                    try:
                        words = said(node)
                    except GLib.Error:
                        continue
                    if words and words not in answer:
                        answer.append(words)
            elif command == "click":
                answer = click(*values)
            else:
                answer = [pid for pid, _ in apps()]
        except GLib.Error as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
