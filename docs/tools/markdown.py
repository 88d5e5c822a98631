"""What the checks of the documentation share: which files there are, and what stands in them."""

import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# A fenced block: the line of its fence, the first word after the fence, the line of the page before it, its lines, and whether
# it has a closing fence.
Block = collections.namedtuple("Block", "line language before text closed")

QUOTE = re.compile(r" {0,3}> ?")
ITEM = re.compile(r"( {0,3}(?:[-*+]|\d{1,9}[.)]))( +|$)")
# After backticks come no others, as they would be a code span.
FENCE = re.compile(r" {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))$")
# A code span does not go past its paragraph, list item or row of a table.
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:[^\n]|\n(?! *(?:\n|[-*+|] |\d+[.)] )))*?(?<!`)\1(?!`)")


def files(*patterns):
    """The files of the repository that match, those that are new and not ignored among them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    try:
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    except FileNotFoundError:
        sys.exit("the files are listed by git, which is not installed")
    except subprocess.CalledProcessError as error:
        sys.exit(f"the files are listed by git, and this is no git checkout: {error.stderr.strip()}")
    found = sorted(ROOT / name for name in set(names) if name and (ROOT / name).is_file())
    return found or sys.exit(f"the files are listed by git, and it lists no {' or '.join(patterns)} here")


def pages():
    """Every page of Markdown. Templates of GitHub have no links that lead anywhere from where they stand."""
    return [page for page in files("*.md") if ".github" not in page.parts]


def name(path):
    return str(path.relative_to(ROOT))


def indent(line):
    return len(line) - len(line.lstrip())


class Scan:
    """The lines of a page in their containers, by CommonMark's rules for list items, quotes, fences and indented code.

    `blocks` are the fenced blocks, and `lines` the others, with nothing in place of each line of code.
    """

    def __init__(self, text):
        self.blocks, self.lines = [], []
        self.items = []  # Where the content of each open list item begins.
        self.fence = None  # The open fence: its characters, how many quotes it is in, its indentation, and its block.
        self.before = ""
        self.is_paragraph = False
        for line in text.split("\n"):
            self.lines.append("")
            line = line.expandtabs(4).rstrip()
            if not (self.fence and self.is_in_fence(line)):
                self.outside(line)
            if line.strip():
                self.before = line.strip()
        self.end_fence(closed=False)

    def end_fence(self, closed):
        if self.fence:
            self.blocks.append(self.fence[-1]._replace(closed=closed))
        self.fence = None

    def is_in_fence(self, line):
        """Takes a line of the open block. The block ends without a closing fence where its list item or quote ends."""
        marks, quotes, margin, block = self.fence
        while quotes and (quote := QUOTE.match(line)):
            line, quotes = line[quote.end() :], quotes - 1
        if quotes or (line and self.items and indent(line) < self.items[-1]):
            self.end_fence(closed=False)
            return False
        closing = line.strip()
        if len(closing) >= len(marks) and not closing.strip(marks[0]) and indent(line) < margin + 4:
            self.end_fence(closed=True)
        else:
            block.text.append(line[min(margin, indent(line)) :])
        return True

    def outside(self, line):
        raw, quotes = line, 0
        while quote := QUOTE.match(line):
            line, quotes = line[quote.end() :], quotes + 1
        if not line:
            self.is_paragraph = False
            return
        # What goes on with a paragraph may be indented by less than the list item around it, and by any more than that.
        starts_something = not self.is_paragraph or any(form.match(line.lstrip()) for form in (ITEM, FENCE))
        while starts_something and self.items and indent(line) < self.items[-1]:
            self.items.pop()
        margin = self.items[-1] if self.items else 0
        if indent(line) >= margin + 4 and not self.is_paragraph:
            return
        rest = line[min(margin, indent(line)) :]
        while item := ITEM.match(rest):
            width = len(item[1]) + (len(item[2]) if 0 < len(item[2]) < 5 else 1)
            margin += width
            self.items.append(margin)
            rest = rest[width:]
        if fence := FENCE.match(rest):
            words = re.split(r"[\s,{]+", (fence[2] or fence[4] or "").strip())
            block = Block(len(self.lines), words[0].lower(), self.before, [], False)
            self.fence = (fence[1] or fence[3], quotes, margin + indent(rest), block)
            self.is_paragraph = False
            return
        self.lines[-1] = raw
        self.is_paragraph = bool(rest) and not re.match(r" {0,3}(#{1,6} |<!--.*-->$)", rest)


def scan(path):
    return Scan(path.read_text(encoding="utf-8"))


def prose(path):
    """The text of a page with as many lines, and nothing of its code."""
    return CODE_SPAN.sub(lambda code: re.sub(r"[^\n]", "`", code[0]), "\n".join(scan(path).lines))


def finish(what, problems):
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problems" if problems else f"{what}: well")
    return 1 if problems else 0
