"""Numbers and names as people write them, and the words that several pages use."""

NOTICE = "Research demo, not for diagnosis; do not upload patient data to a public host."
LABELS = {"covid-19": "COVID-19", "normal": "Normal", "pneumonia": "Pneumonia", "tuberculosis": "Tuberculosis"}
TASKS = {"binary": "COVID-19 or not", "three_class": "Three classes"}
MODE_TITLES = {
    "none": "None",
    "max": "Max",
    "percentile": "Percentile 99",
    "kl": "KL",
    "full": "Full int8",
    "full-naive": "Full, naive",
}


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    >>> counted(1, "bit"), counted(0, "bit"), counted(1200, "picture")
    ('1 bit', '0 bits', '1,200 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """Return the verb that goes with a number of things.

    >>> are(1), are(0), are(2)
    ('is', 'are', 'are')
    """
    return "is" if count == 1 else "are"


def label_title(label: str) -> str:
    """Return a label as people write it.

    >>> label_title("covid-19"), label_title("tuberculosis")
    ('COVID-19', 'Tuberculosis')
    """
    return LABELS.get(label, label.replace("-", " ").capitalize())
