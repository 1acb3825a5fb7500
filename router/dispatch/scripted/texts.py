"""What the built-in scripted models say when nothing else is asked of them."""

SMALL = (
    "Sure! Here is a short answer from the scripted small model: quick, cheap and good enough for this one.",
    "Scripted small model here. That one is easy, so a sentence or two will do.",
    "Short version, from the scripted small model: yes, and nothing more is needed than what you would expect.",
)
STRONG = (
    "This is the scripted strong model, taking the long way round. First, the question has to be taken apart: "
    "what is given, what is asked, and which assumptions join the two. Second, each part is worked through on "
    "its own, because errors hide where steps are skipped. Third, the parts are put together again and "
    "checked against a simple case whose answer is known. The conclusion follows, with the caveats that "
    "matter: it holds under the stated assumptions, it is sensitive to the weakest of them, and here is how "
    "to test it.",
    "Scripted strong model: let us be careful here. There are two readings of the question, and they lead to "
    "different answers. Under the first, the usual argument applies and can be made rigorous in three steps. "
    "Under the second, that argument fails at its second step, and a different tool is needed. I give both, "
    "say which one I believe was meant and why, and note what evidence would change my mind.",
)
FLASH = (
    "Scripted flash panelist: the short of it is that the first-order effect dominates, and the rest can be "
    "treated as a correction. I have not checked the edge cases.",
)
SCHOLAR = (
    "Scripted scholar panelist: the literature agrees on the main effect and disagrees on its size. Three "
    "lines of evidence support it, one speaks against it, and that one has a smaller sample. I would act on "
    "it, and keep measuring.",
)
SKEPTIC = (
    "Scripted skeptic panelist: before accepting this, ask what would have been seen had it been false. Two "
    "of the usual arguments do not survive that question. What remains is weaker than commonly stated, but it "
    "is sound.",
)
JUDGE = (
    "Scripted judge: the candidates agree on the main point and differ in how sure they are of it. The answer "
    "below keeps what they share, names where they differ, and leaves out what only one of them claims "
    "without support.",
)
INSTANT = ("This is a scripted answer, sent without delay.",)
