"""libyaml's problems in the words of the file's author."""

NOT_A_TEMPLATE = "quote text that begins with '{' or '['; a catalog is not a template"
CONFLICT = ("<<<<<<< ", ">>>>>>> ")
_QUOTE = 'put quotes around text that holds ": " or begins with a special character'
# (words of libyaml's problem or context, what is wrong, what to do); the first that fits is said.
_PLAIN_WORDS = (
    (
        "mapping values are not allowed",
        "a ':' stands where no key can",
        f"{_QUOTE}; else check the indentation",
    ),
    (
        "could not find expected ':'",
        "this is neither `key: value` nor an item of a list",
        "is a ':' missing?",
    ),
    ("found unexpected end of stream", "a quote is opened and never closed", "close it"),
    ("did not find expected ',' or '}'", "a '{' is not closed, or a ',' is missing", "close it with '}'"),
    ("did not find expected ',' or ']'", "a '[' is not closed, or a ',' is missing", "close it with ']'"),
    ("did not find expected node content", "a value is missing here", "give one, or close the bracket"),
    (
        "did not find expected key",
        "this line's indentation fits nothing above it",
        "line it up with its neighbours",
    ),
    ("did not find expected '-' indicator", "this is not an item of the list above", "check the indentation"),
    (
        "block sequence entries are not allowed",
        "a '-' stands where no list can",
        "put the list on lines of its own",
    ),
)


def in_plain_words(problem: str, context: str, line: str, column: int) -> tuple[str, str]:
    """(what is wrong, what to do) for a problem of libyaml's."""
    char = line[column : column + 1]
    if (
        char == "\t"
        or "tab character" in problem
        or (line[:column].strip(" \t") == "" and "\t" in line[:column])
    ):
        return "a tab stands in the indentation", "YAML takes spaces alone"
    if "cannot start any token" in problem:
        return f"text cannot begin with {char!r}", _QUOTE
    for words, message, hint in _PLAIN_WORDS:
        if words in problem or words in context:
            return message, hint
    return ", ".join(part for part in (context, problem) if part != "None") or "not valid YAML", ""
