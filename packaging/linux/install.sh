#!/bin/sh
# Installs TaskPaw for the person who runs this, without an administrator, beside the versions that are there:
#
#   ~/.local/opt/taskpaw/versions/VERSION/   each version, whole
#   ~/.local/opt/taskpaw/current             a link to the one that is started
#
# The entry in the menu, the command ~/.local/bin/taskpaw and the start at login lead through that link. A TaskPaw that runs
# notices within seconds that the link leads elsewhere, and offers to relaunch.
#
#   ./install.sh               installs this version, also over one that runs
#   ./install.sh --uninstall   takes all versions away; settings and history stay
set -eu

# Everything is written for its owner to change and for all to read.
umask 022
version='@VERSION@'
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
zh*) chinese=1 ;;
*) chinese= ;;
esac

# say ENGLISH CHINESE
say() {
    if [ -n "$chinese" ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

# refuse ENGLISH CHINESE
refuse() {
    say "$1" "$2" >&2
    exit 1
}

[ "$(id -u)" -ne 0 ] || refuse \
    'This installs TaskPaw for one person. Run it as that person, without sudo; nothing was changed.' \
    '此脚本仅为当前用户安装 TaskPaw。请以该用户身份运行，不要使用 sudo；未作任何更改。'
case "${HOME:-}" in
/*) ;;
*) refuse 'The home folder is not known (HOME is not set), so nothing was changed.' '无法确定主目录（未设置 HOME），未作任何更改。' ;;
esac
case "$HOME" in
*["\"\$\`\\"]* | *'
'*) refuse "The home folder has a letter in its name that a menu entry cannot have, so nothing was changed: $HOME" \
    "主目录的名称包含菜单项不支持的字符，未作任何更改：$HOME" ;;
esac

data=${XDG_DATA_HOME:-$HOME/.local/share}
case "$data" in
/*) ;;
*) data=$HOME/.local/share ;;
esac
folder=$HOME/.local/opt/taskpaw
commands=$HOME/.local/bin
entry=$data/applications/taskpaw.desktop

# Whether a path is a link through this folder: then this script made it.
is_ours() {
    [ -L "$1" ] && case "$(readlink "$1")" in
    "$folder"/current/*) true ;;
    *) false ;;
    esac
}

if [ "${1:-}" = --uninstall ]; then
    for name in taskpaw taskpaw-ports; do
        if is_ours "$commands/$name"; then rm -f "$commands/$name"; fi
    done
    if [ -f "$entry" ] && grep -q "^Exec=\"$folder/current/taskpaw\"" "$entry"; then rm -f "$entry"; fi
    rm -rf "$folder/current" "$folder/current.next" "$folder/incoming" "$folder/discarded" "$folder/versions"
    rmdir "$folder" 2>/dev/null || true
    say 'TaskPaw was removed. Settings and history stay in ~/.config/taskpaw and ~/.local/share/taskpaw; a TaskPaw that runs goes on until it is quit.' \
        '已移除 TaskPaw。设置和历史保留在 ~/.config/taskpaw 与 ~/.local/share/taskpaw 中；正在运行的 TaskPaw 会继续，直到退出。'
    exit 0
fi
[ $# -eq 0 ] || refuse "Not understood: $1. There is only --uninstall." "无法识别：$1。仅支持 --uninstall。"

for name in taskpaw taskpaw-backend taskpaw-ports; do
    [ -f "$here/$name" ] || refuse \
        "$name does not lie beside this script: unpack the whole archive, then start the script there." \
        "脚本旁边缺少 $name：请完整解压后，在解压出的文件夹中运行脚本。"
done

# What is missing is said before anything is changed.
if ! found=$(ldd "$here/taskpaw" 2>&1); then
    refuse "TaskPaw cannot run on this machine ($(uname -s) $(uname -m)): download the archive for it." \
        "TaskPaw 无法在此机器上运行（$(uname -s) $(uname -m)）：请下载适用的安装包。"
fi
missing=$(printf '%s\n' "$found" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u)
too_old=$(printf '%s\n' "$found" | grep "version .GLIBC_.* not found" | head -n 1 || true)
if [ -n "$too_old" ]; then
    refuse 'This system is too old for TaskPaw: it needs the C library (glibc) 2.34 or newer. Nothing was changed.' \
        '此系统版本过旧：TaskPaw 需要 glibc 2.34 或更高版本。未作任何更改。'
fi
if [ -n "$missing" ]; then
    say 'TaskPaw needs libraries that are missing here:' 'TaskPaw 需要的以下库在此系统中缺失：' >&2
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    say 'They come with the package of WebKitGTK:' '它们随 WebKitGTK 软件包提供：' >&2
    if command -v apt >/dev/null; then
        echo '  sudo apt install libwebkit2gtk-4.1-0' >&2
    elif command -v dnf >/dev/null; then
        echo '  sudo dnf install webkit2gtk4.1' >&2
    elif command -v zypper >/dev/null; then
        echo '  sudo zypper install libwebkit2gtk-4_1-0' >&2
    elif command -v pacman >/dev/null; then
        echo '  sudo pacman -S webkit2gtk-4.1' >&2
    else
        echo '  webkit2gtk 4.1' >&2
    fi
    refuse 'Install them, then run this again. Nothing was changed.' '请安装后重新运行此脚本。未作任何更改。'
fi

if [ -e "$folder/current" ] && [ ! -L "$folder/current" ]; then
    refuse "$folder/current is no link, so it was not replaced. Move it away, then run this again." \
        "$folder/current 不是链接，因此未替换。请将其移走后重新运行。"
fi
mkdir -p "$folder/versions" "$commands" "$(dirname "$entry")" 2>/dev/null && [ -w "$folder" ] || refuse \
    "TaskPaw may not write to $folder, $commands or $data. Nothing was installed." \
    "TaskPaw 无权写入 $folder、$commands 或 $data。未安装任何内容。"

# A version is written and synced under another name before it gets its own, and is whole wherever it has that name.
if [ ! -d "$folder/versions/$version" ] || [ "$(readlink "$folder/current" 2>/dev/null)" != "versions/$version" ]; then
    rm -rf "$folder/incoming" "$folder/discarded"
    cp -R "$here" "$folder/incoming"
    sync
    if [ -e "$folder/versions/$version" ]; then
        mv -T "$folder/versions/$version" "$folder/discarded"
    fi
    mv -T "$folder/incoming" "$folder/versions/$version"
    sync
    rm -rf "$folder/discarded" "$folder/current.next"
    ln -s "versions/$version" "$folder/current.next"
    mv -T "$folder/current.next" "$folder/current"
    sync
fi

# Two old versions stay to go back to, and any that runs.
for name in $(ls "$folder/versions" | sort -rV); do
    case "$name" in
    "$version" | *[!0-9.]*) continue ;;
    esac
    kept=$((${kept:-0} + 1))
    if [ "$kept" -le 2 ] || ls -l /proc/[0-9]*/exe 2>/dev/null | grep -qF " -> $folder/versions/$name/"; then
        continue
    fi
    rm -rf "$folder/discarded"
    mv -T "$folder/versions/$name" "$folder/discarded"
    sync
    rm -rf "$folder/discarded"
done

sed -e "s|@PROGRAM@|$folder/current/taskpaw|" -e "s|@ICON@|$folder/current/taskpaw.png|" \
    "$folder/current/taskpaw.desktop" >"$entry.next"
mv -f "$entry.next" "$entry"
for name in taskpaw taskpaw-ports; do
    if [ ! -e "$commands/$name" ] || is_ours "$commands/$name"; then
        ln -sfn "$folder/current/$name" "$commands/$name"
    else
        say "$commands/$name was there and was left alone." "$commands/$name 已存在，未作改动。"
    fi
done

say "TaskPaw $version is installed. It is in the menu of applications; if one runs, it offers to relaunch." \
    "TaskPaw $version 已安装，可在应用程序菜单中找到；如果正在运行旧版本，它会提示重新启动。"
case ":$PATH:" in
*":$commands:"*) ;;
*) say "For the command taskpaw in a terminal, put $commands into PATH (most systems do at the next login)." \
    "如需在终端中使用 taskpaw 命令，请将 $commands 加入 PATH（多数系统在下次登录时会自动加入）。" ;;
esac
