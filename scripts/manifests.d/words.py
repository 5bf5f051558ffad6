"""Commands in texts: each `onepoint WORD` is one that the program knows, with options that it has and those that it wants."""

import re

from kit import DEPLOY, ROOT, check, help_of


def commands_in(text, is_page):
    """Command lines of the program: in code of a page, or anywhere else in quotes or behind the sign of a comment."""
    if is_page:
        blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        # Code within a sentence may go over the end of a line.
        lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", rest)]
    else:
        lines = re.findall(r"[`(]([^`()\n]*)", text)
    for line in lines:
        # Not a name of something else: of an image, a Secret, a folder, a user.
        found = re.search(r"(?:^|[|(;&] *|\$ |release/)onepoint +([a-z].*|--.*)", line.strip())
        if found:
            yield re.split(r" #| *[|>;&)] *", found.group(1))[0].split()


def check_all():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    others = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)
    count = 0
    for path in [*pages, *others]:
        where = f"commands: {path.relative_to(ROOT)}"
        for words in commands_in(path.read_text(), path.suffix == ".md"):
            count += 1
            check_line(where, words)
    check(count > 50, f"commands: only {count} were found")


def check_line(where, words):
    line = " ".join(words)
    options = [re.sub(r"=.*", "", word) for word in words if word.startswith("--")]
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        names.append(word)
    told = help_of(*names)
    if not check(told.returncode == 0, f"{where}: onepoint {line}: {told.stderr[:200]}"):
        return
    for option in options:
        check(re.search(rf"{option}\b", told.stdout), f"{where}: onepoint {line}: there is no option {option}")
    # What stands outside of brackets has to be said, unless the command is only named.
    usage = re.search(r"Usage:(.*)", told.stdout).group(1)
    for needed in re.findall(r"(--[a-z-]+)", re.sub(r"\[[^\]]*\]", "", usage)):
        check(not options or needed in options, f"{where}: onepoint {line}: {needed} is missing")
