"""The order of events in a run: panel → agreement or judge → answer. It degrades; it does not fail for want of polish.

Laws:

* Every call leaves a line, and the run's cost is the sum of its lines, whatever happened to the run.
* A judge that cannot be asked, fails or cannot be read costs the polish: the best member's candidate is the answer.
* Only when nobody answered, not even alone, does a run fail, with each member's reason.
"""

from collections.abc import Sequence
from functools import partial
from time import monotonic, perf_counter
from typing import Any

from router.core.analysis import Analysis, read_analysis
from router.core.answer import text_of_reply
from router.core.frame import Frame, frame_candidates
from router.core.fusion import FusionMode
from router.core.panel import rank_members
from router.core.plan import Step
from router.core.prompt import text_tokens
from router.core.rounding import rounded
from router.core.spend import ANALYSIS_TOKENS, RULES_TOKENS, can_use_tools, output_limit
from router.core.types import Attempt, Reason
from router.core.verdict import Verdict, compare, equal_texts
from router.dispatch.confined import Confined
from router.dispatch.fusion.audience import Audience
from router.dispatch.fusion.calls import RunCalls, bounded
from router.dispatch.fusion.debate import debate
from router.dispatch.fusion.facts import RunFacts, responses_of, run_facts
from router.dispatch.fusion.judge import Judged, ask_judge
from router.dispatch.fusion.order import Answer, Panelist, RunOrder, RunStatus, with_text
from router.dispatch.fusion.panel import Ask, ask_panel
from router.dispatch.fusion.research import Research
from router.dispatch.fusion.structured import canonical, shape_of
from router.dispatch.single import Dispatcher
from router.dispatch.web import Web
from router.errors import FusionFailed, GatewayError, UpstreamTimeout

LEAST_TIME_S = 1.0
"""With less than this left, a last call alone is not begun."""


class FusionRun:
    """One run. ``answer`` goes through it; ``facts`` say at any time how far it has come."""

    def __init__(
        self,
        order: RunOrder,
        dispatcher: Dispatcher,
        audience: Audience,
        attempts: list[Attempt],
        checker: Confined,
        web: Web | None = None,
    ) -> None:
        """Fit the order into its budget; nobody is called yet.

        Args:
            order: what is to be done.
            dispatcher: how deployments are called.
            audience: who hears of it meanwhile.
            attempts: where the lines of the calls go.
            checker: holds answers to the caller's JSON schema.
            web: what panelists may use of the web; None without any.
        """
        self.order, self.audience = order, audience
        self._shape = shape_of(order.body, checker, order.deadline_s)
        # some providers write JSON by a tool call of their own, which leaves no room for others
        self.calls = RunCalls(order, dispatcher, attempts, web if self._shape is None else None)
        panel = self.calls.plan.panel
        ranks = rank_members(panel, dispatcher.pool, order.strong, order.priors)
        self.panelists = [Panelist(member, ranks.index(index)) for index, member in enumerate(panel)]
        self.mode: FusionMode = order.controls.mode
        if self.mode == "auto":
            self.mode = "merge"
        self.status: RunStatus = "failed"
        self.verdict: Verdict | None = None
        self.analysis: Analysis | None = None
        self.frame: Frame | None = None
        self.panel_s = self.judge_s = self.alone_s = 0.0

    async def answer(self) -> Answer:
        """Go through the run.

        Raises:
            FusionFailed: nobody answered; the message has each member's reason.
            UpstreamBroken: the judge's stream broke in the middle of the answer.
        """
        await self._panel()
        usable = self._usable()
        if not usable:
            return await self._alone()
        self.verdict = await self._compare(usable)
        if self.order.controls.mode == "auto" and self.verdict.kind == "closed":
            self.mode = "vote"
        agreed = self._agreed(usable)
        if agreed is not None:
            return await self._give(agreed, "agreed")
        if self.mode == "debate":
            await self._debate(usable)
        if len(usable) == 1 or not self._may_judge(usable):
            is_alone = len(self.order.panel) == 1
            return await self._give(self._best(usable), "agreed" if is_alone else "degraded")
        return await self._judge(usable)

    def facts(self) -> dict[str, Any]:
        """The ``router.fusion`` object, as far as it is known."""
        return run_facts(self._run_facts(), self.order.controls.expose)

    def responses(self) -> list[dict[str, Any]]:
        """Every candidate with its label and model."""
        return responses_of(self._run_facts())

    def _run_facts(self) -> RunFacts:
        return RunFacts(
            self.order, self.calls, self.mode, self.status, self.panelists, self.verdict, self.analysis, self.frame,
            self.panel_s, self.judge_s,
        )  # fmt: skip

    def _usable(self) -> list[Panelist]:
        """Members with a candidate, the best prior first."""
        return sorted((panelist for panelist in self.panelists if panelist.usable), key=lambda panelist: panelist.rank)

    async def _panel(self) -> None:
        models = [self.calls.model_of(panelist.member.deployment) for panelist in self.panelists]
        await self.audience.hear("panel_started", {"run_id": self.order.run_id, "mode": self.mode, "models": models})
        began_s = perf_counter()
        try:
            await ask_panel(self.calls, self.panelists, self._first_asks(), self.audience, self.calls.stage_ends_s())
        finally:
            self.panel_s += perf_counter() - began_s

    def _first_asks(self) -> list[Ask]:
        """How each member is asked: with the web where there is one and the member can use it, else once."""
        calls, asks = self.calls, list[Ask]()
        for panelist, room_usd in zip(self.panelists, calls.member_rooms(), strict=True):
            name = panelist.member.deployment
            if calls.web is not None and calls.plan.tool_calls and can_use_tools(calls.dispatcher.pool[name]):
                asks.append(Research(calls, panelist, calls.web, room_usd, self.audience).answer)
            else:
                limit = calls.limit_within(room_usd, name, self.order.input_tokens)
                asks.append(partial(calls.ask, panelist, calls.body_for(panelist.member, limit)))
        return asks

    async def _compare(self, usable: Sequence[Panelist]) -> Verdict:
        texts = [panelist.text for panelist in usable]
        if self._shape is not None:
            await self._shape.read(texts)
            return equal_texts([canonical(self._shape.fitted(text) or text) for text in texts])
        is_vote = self.order.controls.mode == "vote"
        return compare(texts, is_vote or self.order.closed_answer or None, labels=is_vote)

    def _agreed(self, usable: Sequence[Panelist]) -> Panelist | None:
        """Whose candidate is the answer without a judge; None where there has to be one."""
        verdict = self.verdict
        if verdict is None:
            return None
        group: Sequence[int] = ()
        asked = self.order.controls
        if self.mode == "vote" and (asked.mode == "vote" or asked.early_exit):
            group = verdict.majority
        elif asked.early_exit and verdict.unanimous:
            group = verdict.groups[0]
        return self._best([usable[index] for index in group]) if group else None

    def _best(self, usable: Sequence[Panelist]) -> Panelist:
        """The best prior among those whose answer is as the caller wants it; else the best prior."""
        if self._shape is not None:
            fitting = [panelist for panelist in usable if self._shape.fitted(panelist.text) is not None]
            usable = fitting or usable
        return min(usable, key=lambda panelist: panelist.rank)

    async def _give(self, panelist: Panelist, status: RunStatus) -> Answer:
        """A member's candidate is the answer, untouched but for a code fence around JSON."""
        self.status = status
        text = panelist.text
        if self._shape is not None:
            text = self._shape.fitted(text) or text
        name = panelist.member.deployment
        await self.audience.say(text, self.calls.model_of(name))
        return Answer(text, Step(name, "fusion"), with_text(panelist.reply or {}, text))

    async def _debate(self, usable: Sequence[Panelist]) -> None:
        began_s = perf_counter()
        try:
            await debate(self.calls, usable, self._compare, self.audience)
        finally:
            self.panel_s += perf_counter() - began_s
        self.verdict = await self._compare(usable)

    def _may_judge(self, usable: Sequence[Panelist]) -> bool:
        """There is a judge, time for it, and money."""
        judge = self.calls.plan.judge
        if judge is None or monotonic() + LEAST_TIME_S > self.order.deadline_s:
            return False
        shown = sum(text_tokens(panelist.text) for panelist in usable) + RULES_TOKENS
        tokens = self.order.input_tokens + min(shown, self.calls.prices.candidate_tokens + RULES_TOKENS)
        if self.calls.affords(judge, tokens, self.order.output_tokens + ANALYSIS_TOKENS):
            return True
        self.calls.give_up("judge")
        return False

    async def _judge(self, usable: Sequence[Panelist]) -> Answer:
        """Let the judge write or pick; whatever goes wrong, the best member's candidate is still there."""
        verdict = self.verdict or await self._compare(usable)
        texts, room = [panelist.text for panelist in usable], self.calls.candidate_tokens(self.order.judge)
        self.frame = frame_candidates(texts, verdict, self.order.run_id, room)
        for panelist, label in zip(usable, self.frame.labels, strict=True):
            panelist.label = label
        await self.audience.hear("judging", {"candidates": len(usable), "agreement": rounded(verdict.agreement, 1e4)})
        began_s = perf_counter()
        try:
            picks = self.mode == "best_of"
            is_split = self._shape is None and not picks
            judged = await ask_judge(self.calls, self.frame, self.audience, picks=picks, is_split=is_split)
        except GatewayError:
            if self.audience.said:
                raise
            return await self._give(self._best(usable), "degraded")
        finally:
            self.judge_s += perf_counter() - began_s
        self.analysis = judged.analysis
        if self.mode == "best_of":
            return await self._give_picked(usable, judged)
        return await self._give_judged(usable, judged)

    async def _give_judged(self, usable: Sequence[Panelist], judged: Judged) -> Answer:
        text = judged.text
        if self._shape is not None:
            await self._shape.read([text])
            text = self._shape.fitted(text) or ""
        if not text.strip():
            return await self._give(self._chosen(usable) or self._best(usable), "degraded")
        self.status = "judged"
        streamed = self._shape is None and self.audience.is_live
        if not streamed:
            await self.audience.say(text, self.calls.model_of(self.order.judge))
        return Answer(text, Step(self.order.judge, "fusion"), with_text(judged.reply, text))

    async def _give_picked(self, usable: Sequence[Panelist], judged: Judged) -> Answer:
        self.analysis = read_analysis(judged.raw)
        chosen = self._chosen(usable)
        if chosen is None:
            return await self._give(self._best(usable), "degraded")
        return await self._give(chosen, "judged")

    def _chosen(self, usable: Sequence[Panelist]) -> Panelist | None:
        """Whom the judge named, if it is one of the candidates and as the caller wants it."""
        letter = self.analysis.chosen if self.analysis is not None else ""
        named = [panelist for panelist in usable if letter and panelist.label == letter]
        if self._shape is not None:
            named = [panelist for panelist in named if self._shape.fitted(panelist.text) is not None]
        return self._best(named) if named else None

    async def _alone(self) -> Answer:
        """Nobody on the panel answered: one last call alone, if there is time and money for it."""
        left_s = self.order.deadline_s - monotonic()
        left_usd = self.calls.left_usd
        plan = [step for step in self.order.alone if self.calls.dispatcher.health.is_available(step.deployment)]
        reasons = self._reasons()
        if not plan or left_s < LEAST_TIME_S or (left_usd is not None and left_usd <= 0) or self.calls.plan.solo:
            raise FusionFailed(f"Nobody on the panel answered: {reasons}.", billed=True)
        await self.audience.hear("alone", {"model": self.calls.model_of(plan[0].deployment)})
        trip = self.calls.trip("answer", self.calls.attempts)
        body = bounded(
            {key: value for key, value in self.order.body.items() if key not in ("stream", "stream_options", "model")},
            None
            if left_usd is None
            else output_limit(self.calls.prices, plan[0].deployment, left_usd, trip.input_tokens),
        )
        began_s = perf_counter()
        try:
            step, reply = await self.calls.dispatcher.complete(tuple(plan), body, self.order.deadline_s, trip)
        except GatewayError as error:
            raise FusionFailed(
                f"Nobody on the panel answered ({reasons}), nor anybody alone: {error.message}", billed=True
            ) from error
        finally:
            self.alone_s += perf_counter() - began_s
        self.status = "degraded"
        text = text_of_reply(reply)
        await self.audience.say(text, self.calls.model_of(step.deployment))
        return Answer(text, step, reply, self._why_alone())

    def _why_alone(self) -> Reason:
        """Why it is not the panel that answers."""
        asked = [panelist for panelist in self.panelists if panelist.calls or panelist.status == "late"]
        if not asked:
            return Reason.FALLBACK_UNAVAILABLE
        in_time = (panelist.status != "late" and not isinstance(panelist.error, UpstreamTimeout) for panelist in asked)
        return Reason.FALLBACK_ERROR if any(in_time) else Reason.FALLBACK_TIMEOUT

    def _reasons(self) -> str:
        return "; ".join(
            f"{panelist.member.deployment}: {panelist.error.code if panelist.error else panelist.status}"
            for panelist in self.panelists
        )
