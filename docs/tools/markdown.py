"""What the checks of the documentation share: which files there are, and what stands in them."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def files(*patterns):
    """The files of the repository that match, those that are new and not ignored among them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(ROOT / name for name in set(names) if name and (ROOT / name).is_file())


def pages():
    """Every page of Markdown. Templates of GitHub have no links that lead anywhere from where they stand."""
    return [page for page in files("*.md") if ".github" not in page.parts]


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path):
    """The fenced blocks of a page: the line of the fence, its language, the line before it, and the text."""
    found, before, fence = [], "", None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        opening = re.match(r"^( *)```(\S*)\s*$", line)
        if fence is None and opening:
            fence = (number, opening[2], before, [])
        elif fence is not None and line.strip() == "```":
            found.append(fence)
            fence = None
        elif fence is not None:
            fence[3].append(line)
        if line.strip():
            before = line.strip()
    return found


def prose(path):
    """The lines of a page outside of code, as numbers and texts."""
    inside, lines = False, []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip().startswith("```"):
            inside = not inside
        elif not inside and not line.startswith("    "):
            lines.append((number, re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", lambda code: "`" * len(code[0]), line)))
    return lines


def finish(what, problems):
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problems" if problems else f"{what}: well")
    return 1 if problems else 0
