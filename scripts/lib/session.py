"""A desktop's parts on the session bus, as far as they are named: `session.py [notifications] [tray]`. Says a line of JSON for what it is
told to show; a number on standard input is a click on that notification. It needs Debian's python3-dbus and python3-gi."""

import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NOTIFICATIONS, WATCHER = "org.freedesktop.Notifications", "org.kde.StatusNotifierWatcher"
ITEM, PROPERTIES = "org.kde.StatusNotifierItem", "org.freedesktop.DBus.Properties"


def say(**what):
    print(json.dumps(what, ensure_ascii=False), flush=True)


class Notifications(dbus.service.Object):
    shown = 0

    @dbus.service.method(NOTIFICATIONS, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, title, body, actions, hints, expires):
        self.shown += 1
        number = int(replaces or self.shown)
        words = [str(word) for word in actions[1::2]]
        say(kind="notification", number=number, title=str(title), body=str(body), actions=words)
        return number

    @dbus.service.signal(NOTIFICATIONS, signature="us")
    def ActionInvoked(self, number, action):
        pass

    @dbus.service.method(NOTIFICATIONS, in_signature="u")
    def CloseNotification(self, number):
        say(kind="closed", number=int(number))

    @dbus.service.method(NOTIFICATIONS, out_signature="as")
    def GetCapabilities(self):
        return ["actions", "body"]

    @dbus.service.method(NOTIFICATIONS, out_signature="ssss")
    def GetServerInformation(self):
        return ("a trial", "TaskPaw", "1", "1.2")


class Watcher(dbus.service.Object):
    icons = []

    @dbus.service.method(WATCHER, in_signature="s", sender_keyword="sender")
    def RegisterStatusNotifierItem(self, name, sender):
        bus, path = (sender, name) if name.startswith("/") else (name, "/StatusNotifierItem")
        self.icons.append(f"{bus}{path}")
        look = lambda *_: self.look(bus, path)
        for signal in ("NewIcon", "NewToolTip", "NewTitle", "NewStatus"):
            self.connection.add_signal_receiver(look, signal, ITEM, bus_name=bus, path=path)
        GLib.idle_add(look)

    def look(self, bus, path):
        item = dbus.Interface(self.connection.get_object(bus, path, introspect=False), PROPERTIES)

        def tell(all_of_it):
            tip = all_of_it.get("ToolTip", ("", [], "", ""))
            say(kind="tray", title=str(tip[2] or all_of_it.get("Title", "")), text=str(tip[3]))

        item.GetAll(ITEM, reply_handler=tell, error_handler=lambda error: say(kind="tray", error=str(error)))
        return False

    @dbus.service.method(WATCHER, in_signature="s")
    def RegisterStatusNotifierHost(self, name):
        pass

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, _interface, name):
        return self.GetAll(_interface)[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, _interface):
        return {
            "IsStatusNotifierHostRegistered": True,
            "ProtocolVersion": dbus.Int32(0),
            "RegisteredStatusNotifierItems": dbus.Array(self.icons, signature="s"),
        }


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
kept = []
if "notifications" in sys.argv:
    kept.append(Notifications(dbus.service.BusName(NOTIFICATIONS, bus), "/org/freedesktop/Notifications"))
if "tray" in sys.argv:
    kept.append(Watcher(dbus.service.BusName(WATCHER, bus), "/StatusNotifierWatcher"))


def click(stdin, _condition):
    line = stdin.readline()
    if line.strip():
        kept[0].ActionInvoked(int(line), "default")
    return bool(line)


GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, click)
say(kind="ready")
GLib.MainLoop().run()
