#!/usr/bin/env python3
"""Records what Python answers, as TaskPaw V3 asked it: re.search with re.IGNORECASE. Prints python_answers.json.

Run by hand, with Python 3.11: python3 python_answers.py > python_answers.json
"""

import json
import re
import sys
import warnings

warnings.simplefilter("ignore")

# Each pattern with texts that tell it from what is near it.
CASES = [
    (r"nginx", ["nginx: master", "NGINX", "ngin"]),
    (r"^longprocessname-worker$", ["longprocessname-worker", "longprocessname", "x longprocessname-worker"]),
    (r"übung", ["ÜBUNG", "Übung", "ubung"]),
    (r"\b下载器\b", ["下载器", "下载器 x", "下载器x", "我下载器"]),
    (r"^\w+器$", ["下载器", "下 载器", "器"]),
    (r"\bфайл\b", ["ФАЙЛ", "файлы", "мой файл"]),
    (r"\w+", ["é", "ß", "…", "_", "٣"]),
    (r"^\d+$", ["123", "١٢٣", "12a"]),
    (r"a\sb", ["a b", "a\u00a0b", "a\u3000b", "ab"]),
    (r"train(?!\.py)", ["train.py", "training", "train"]),
    (r"(?<!un)finished", ["finished", "unfinished", "all finished"]),
    (r"(?<=job )\d+", ["job 12", "jobs 12"]),
    (r"(?=.*gpu)(?=.*train)", ["train on gpu", "gpu train", "train"]),
    (r"(\w)\1", ["aa", "ab", "aA", "éé"]),
    (r"(?P<q>['\"]).*?(?P=q)", ["say 'x'", "say 'x\""]),
    (r"(?P<name>\w+)=\1x?", ["name=x", "a=ax", "a=a"]),
    (r"done\Z", ["done", "done.", "all done"]),
    (r"\Adone", ["done", "all done"]),
    (r"a{,3}b", ["b", "aaab", "a"]),
    (r"^a{,2}$", ["", "aa", "aaa"]),
    (r"^a{2,}$", ["a", "aa", "aaaa"]),
    (r"^x{,}y$", ["y", "xxxy", "xz"]),
    (r"a{x}", ["a{x}", "aaa", "ax"]),
    (r"{", ["{", "x"]),
    (r"a{,x}", ["a{,x}", "a"]),
    (r"job(?#the number)\d", ["job1", "job x"]),
    (r"(?>a+)b", ["aaab", "aaa"]),
    (r"(?>a+)ab", ["aaab"]),
    (r"a++b", ["aaab", "aa"]),
    (r"a*+a", ["aaa"]),
    (r"(a)?(?(1)b|c)", ["ab", "c", "a"]),
    (r"\x41\u0042", ["ab", "AB", "xy"]),
    (r"\U0001F600", ["😀", "x"]),
    (r"\012|\x0b", ["\n", "\v", "x"]),
    (r"\101", ["A", "a", "101"]),
    (r"[\101-\103]+x", ["abx", "dx"]),
    (r"\0", ["\0", "0"]),
    (r"[\b]", ["\b", "b"]),
    (r"[[]x", ["[x", "x"]),
    (r"[]x]", ["]", "x", "y"]),
    (r"[^]x]", ["]", "a"]),
    (r"[a&&b]", ["a", "b", "&", "c"]),
    (r"[a~~b]", ["~", "a", "c"]),
    (r"[\w-]+@[\w.-]+", ["me@x.org", "@", "ü@ö"]),
    (r"[^\W\d_]+", ["abc", "123", "é"]),
    (r"[\s,;]+end", ["x, end", "xend"]),
    (r"my\ program\-x\~\#\&", ["my program-x~#&", "my program"]),
    (r"(?i)ABC", ["abc", "ab"]),
    (r"(?s)a.b", ["a\nb", "ab"]),
    (r"a.b", ["a\nb", "axb"]),
    (r"(?m)^two$", ["one\ntwo\nthree", "onetwo"]),
    (r"(?x) a \  b  # a comment", ["a b", "ab"]),
    (r"(?i:a)b", ["AB", "ab"]),
    (r"(?:py(?:thon)?3?) -m taskpaw", ["python3 -m taskpaw", "perl -m taskpaw"]),
    (r"C:\\Games\\.*\.exe", ["c:\\games\\x.EXE", "c:/games/x.exe"]),
    (r"/usr/bin/(?:ffmpeg|lada-cli)\b", ["/usr/bin/ffmpeg -i", "/usr/bin/ffmpegx"]),
    (r"^(?!.*--dry-run).*backup\.sh", ["backup.sh", "backup.sh --dry-run"]),
    (r"\bqemu-system-\w+\b.*-name\s+(\S+)", ["qemu-system-x86_64 -name vm1", "qemu-system -name"]),
    (r"(\d{1,3}(?:\.\d+)?)\s?%", ["55.5 %", "no"]),
    (r"(?u)straße", ["STRASSE", "Straße"]),
    (r"ſ", ["S", "s"]),
    (r"k", ["\u212a", "K"]),
    (r"σ", ["Σ", "ς"]),
    (r"\N{DIGIT ONE}", ["1", "2"]),
    (r"\<job\>", ["<job>", "job", "a job b"]),
    (r"^[+--]+$", ["+,-", "a", "."]),
    (r"^[a-c-]+$", ["a-c", "d"]),
    (r"done$", ["done", "done\n", "done\n\n", "done\nx"]),
    (r"^$", ["", "\n", "x"]),
    (r"done\Z", ["done\n", "done"]),
    (r"(", ["x"]),
    (r"*a", ["x"]),
    (r"a**", ["x"]),
    (r"(?<=a+)b", ["ab"]),
    (r"\p{L}", ["x"]),
]


def answer(pattern, text):
    try:
        return re.compile(pattern, re.IGNORECASE).search(text) is not None
    except re.error:
        return None


def main():
    rows = [[pattern, [[text, answer(pattern, text)] for text in texts]] for pattern, texts in CASES]
    print("[")
    print(",\n".join("  " + json.dumps(row) for row in rows))
    print("]")
    print(f"{len(rows)} patterns, Python {sys.version.split()[0]}", file=sys.stderr)


main()
