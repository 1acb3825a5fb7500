"""Whether a request is answered by the panel, and by whom on it. Pure; ``decide`` asks it last."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from classifier.assessment import Assessment
from router.core.ask import Ask
from router.core.evidence import FusionPolicy, worthwhile
from router.core.fusion import FusionWish, Member
from router.core.prompt import Prompt
from router.core.standing import standing
from router.core.types import Deployment, Mode, Reason, Route


@dataclass(frozen=True, slots=True)
class PanelChoice:
    """Who is asked at once.

    Attributes:
        members: empty where one model answers.
        judge: a deployment; empty without members.
        reason: why; None, without members, leaves the reason that ``decide`` has.
    """

    members: tuple[Member, ...] = ()
    judge: str = ""
    reason: Reason | None = None


NO_PANEL = PanelChoice()
NOT_WORTHWHILE = PanelChoice(reason=Reason.FUSION_NOT_WORTHWHILE)


def choose_panel(
    prompt: Prompt,
    assessment: Assessment | None,
    ask: Ask,
    wish: FusionWish,
    policy: FusionPolicy,
    mode: Mode,
    route: Route,
    reason: Reason,
    is_able: Callable[[str], bool],
    pool: Mapping[str, Deployment],
    estimates: Mapping[str, float],
) -> PanelChoice:
    """Decide for or against the panel.

    A caller who asks for it gets it, but for turns that cannot be merged: those with tools, with several choices,
    or from inside another run. Otherwise it is for prompts that are above the threshold of strong, where the
    evidence says that fusing pays; then only members near the best one are asked, as only they were seen to help it.

    Args:
        route, reason: what ``decide`` has come to for a single model.
        is_able: whether a deployment may and can answer this request.
        pool, estimates: what is known of the members: prices, and accuracy as the classifier estimates it.
    """
    is_asked = ask.kind == "fusion" or wish.asked is True
    if not policy.controls.panel or (not is_asked and (ask.kind != "auto" or wish.asked is False)):
        return NO_PANEL
    members = tuple(member for member in wish.controls.panel if is_able(member.deployment))
    if is_asked:
        if wish.asked is False or not members or not _can_be_merged(prompt):
            return NOT_WORTHWHILE
        forced = Reason.FORCED_BY_POLICY if ask.by_policy else Reason.FORCED_BY_CALLER
        return PanelChoice(members, _judge(wish, members, is_able), forced)
    if assessment is None or (route, reason) != ("strong", Reason.ABOVE_THRESHOLD):
        return NO_PANEL
    members = standing(members, pool, policy.priors, estimates).near
    if not worthwhile(policy, mode, assessment, able_members=len(members)):
        return NO_PANEL
    if not _can_be_merged(prompt):
        return NOT_WORTHWHILE
    return PanelChoice(members, _judge(wish, members, is_able), Reason.FUSION_WORTHWHILE)


def _can_be_merged(prompt: Prompt) -> bool:
    return "tools" not in prompt.needs and not prompt.in_tool_loop and prompt.choices == 1 and not prompt.fusion_depth


def _judge(wish: FusionWish, members: tuple[Member, ...], is_able: Callable[[str], bool]) -> str:
    """The configured judge; where it cannot answer, the first member."""
    judge = wish.controls.judge
    return judge if judge is not None and is_able(judge) else members[0].deployment
