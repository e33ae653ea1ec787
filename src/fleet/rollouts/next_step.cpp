#include "fleet/rollouts/next_step.h"

#include <algorithm>

namespace mw::rollouts {
namespace {

using Deed = Step::Deed;

Step move(const Situation& s, std::string_view event, std::string says) {
    Step step;
    step.deed = Deed::move;
    step.event = event;
    step.says = std::move(says);
    step.progress = s.progress;
    if (s.judgement) step.readings = s.judgement->readings;
    return step;
}

Step just(Deed deed, std::optional<Timestamp> due = std::nullopt) {
    Step step;
    step.deed = deed;
    step.due = due;
    return step;
}

Step observe(Look look) {
    Step step = just(Deed::observe);
    step.look = look;
    return step;
}

std::string count(std::uint64_t n, std::string_view noun) {
    return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

std::string wave_name(const Situation& s) {
    return "wave " + std::to_string(s.progress.wave) + " of " + std::to_string(s.plan.waves.size());
}

// Any way back: remembers how it will end.
Step back(const Situation& s, std::string_view event, std::string says, std::string_view end) {
    Step step = move(s, event, std::move(says));
    step.progress.ends_as = end;
    return step;
}

Step begin_wave(const Situation& s, std::string_view event, std::string says) {
    Step step = move(s, event, std::move(says));
    Progress& p = step.progress;
    p.wave += 1;
    p.look = 0;
    p.wave_started = s.now;
    p.installing_from = p.soaking_from = Timestamp{};
    p.target = s.plan.size_of_wave(static_cast<std::size_t>(p.wave), s.counts.devices);
    step.says += "; wave " + std::to_string(p.wave) + " of " + std::to_string(s.plan.waves.size()) +
                 ": " + std::to_string(p.target) + " of " + count(s.counts.devices, "device");
    return step;
}

Step waiting_approval(const Situation& s) {
    if (s.plan.abort) return move(s, "aborted", "a person gave up before it was approved");
    if (!s.consent) return just(Deed::consent);
    if (s.consent->refused) return move(s, "rejected", s.consent->says);
    if (s.consent->given) return move(s, "approved", s.consent->says);
    return just(Deed::wait);
}

Step planned(const Situation& s) {
    if (s.plan.abort) return move(s, "aborted", "a person gave up before it began");
    if (s.refusal) return move(s, "refused", *s.refusal);
    if (s.plan.paused) return just(Deed::wait);
    if (s.counts.devices == 0)
        return move(s, "empty",
                    "no device matches selector '" + s.plan.selector_text +
                        "' and can take it. Next step: millwright get devices");
    std::string says = count(s.counts.devices, "device") + " in a fixed order";
    if (s.counts.there > 0) says += ", " + std::to_string(s.counts.there) + " had it already";
    Step step = begin_wave(s, "started", std::move(says));
    step.progress.population = s.counts.devices;
    return step;
}

Step rolling(const Situation& s) {
    if (s.counts.to_assign > 0) return just(Deed::assign);
    Step step = move(s, "assigned",
                     wave_name(s) + ": " + count(s.counts.wave_devices, "device") +
                         " want version " + s.plan.aim.version);
    if (s.counts.left_alone > 0)
        step.says += "; " + count(s.counts.left_alone, "device") +
                     " left alone: a person changed it meanwhile";
    if (step.progress.installing_from.ns == 0) step.progress.installing_from = s.now;
    return step;
}

Step installing(const Situation& s) {
    if (s.counts.wave_pending > 0)
        return just(Deed::wait, s.progress.installing_from + s.plan.install_within);
    Step step =
        move(s, "installed",
             wave_name(s) + ": " + std::to_string(s.counts.wave_devices - s.counts.wave_failed) +
                 " of " + count(s.counts.wave_devices, "device") + " run it");
    if (s.counts.wave_failed > 0)
        step.says += ", " + std::to_string(s.counts.wave_failed) + " do not";
    if (step.progress.soaking_from.ns == 0) step.progress.soaking_from = s.now;
    return step;
}

const Wave& wave_of(const Situation& s) {
    const auto number =
        std::clamp<std::int64_t>(s.progress.wave, 1, std::int64_t(s.plan.waves.size()));
    return s.plan.waves[static_cast<std::size_t>(number - 1)];
}

// Looks are spread evenly over the soak; the last one is the judging. A look that was slept through
// is not made up for: its share of alpha stays unspent.
Step soaking(const Situation& s, Timestamp watched) {
    const nanoseconds soak = wave_of(s).soak;
    const nanoseconds apart = soak / s.plan.looks;
    const nanoseconds ran = s.now - s.progress.soaking_from;
    if (ran >= soak || s.counts.wave_devices == 0)
        return move(s, "soaked", wave_name(s) + ": ran for " + to_text(std::min(ran, soak)));
    const std::int64_t look = std::min<std::int64_t>(ran / apart, s.plan.looks - 1);
    if (look > s.progress.look) {
        if (!s.judgement) return observe({look, false});
        Step step = move(s, "looked",
                         "look " + std::to_string(look) + " of " + std::to_string(s.plan.looks) +
                             ": " + s.judgement->says);
        step.progress.look = look;
        return step;
    }
    const nanoseconds every = std::max<nanoseconds>(watch_every_least, apart / 4);
    if (!s.judgement && s.now - watched >= every)
        return observe({std::max<std::int64_t>(1, s.progress.look), true});
    const Timestamp next_look = s.progress.soaking_from + apart * (s.progress.look + 1);
    const Timestamp next_watch = s.judgement ? s.now + every : watched + every;
    return just(Deed::wait, std::min(next_look, next_watch));
}

Step after_wave(const Situation& s, const std::string& says) {
    if (static_cast<std::size_t>(s.progress.wave) < s.plan.waves.size())
        return begin_wave(s, "passed", says);
    if (s.plan.mode == Mode::shadow) return back(s, "compared", says, "cleared");
    return move(s, "finished", says);
}

Step judging(const Situation& s) {
    if (!s.judgement) return observe({s.plan.looks, false});
    const std::string& says = s.judgement->says;
    if (s.judgement->verdict == Verdict::fine) return after_wave(s, says);
    if (s.progress.passed_wave == s.progress.wave)
        return after_wave(s, "a person let it pass: " + says);
    if (s.plan.proceed_when_unclear)
        return after_wave(s, "inconclusive, and on_inconclusive is proceed: " + says);
    return move(s, "unclear", "inconclusive: " + says);
}

Step inconclusive(const Situation& s) {
    if (s.plan.resume_count <= s.progress.resumes) return just(Deed::wait);
    Step step = move(s, "resumed", "a person lets " + wave_name(s) + " pass");
    step.progress.resumes = s.plan.resume_count;
    step.progress.passed_wave = s.progress.wave;
    return step;
}

Step rolling_back(const Situation& s) {
    if (s.counts.assigned > 0) return just(Deed::withdraw);
    const std::string_view event = s.progress.ends_as == "undone"    ? "undone"
                                   : s.progress.ends_as == "cleared" ? "cleared"
                                                                     : "withdrawn";
    std::string says = event == "cleared" ? "the shadow is off every device"
                                          : "every device wants what it ran before";
    if (s.counts.left_alone > 0)
        says += "; " + count(s.counts.left_alone, "device") +
                " left alone: a person changed it meanwhile";
    return move(s, event, std::move(says));
}

bool is_out(std::string_view at) {
    return at == state::rolling || at == state::installing || at == state::soaking ||
           at == state::judging || at == state::paused || at == state::inconclusive;
}

// What holds in every state in which devices have the version: the way back, at once.
std::optional<Step> emergency(const Situation& s) {
    if (s.plan.abort) return back(s, "aborted", "a person gave up", "undone");
    const Judgement judgement = summed(judge_reports(s.plan, s.counts));
    if (judgement.verdict == Verdict::worse) {
        Step step = back(s, "worse", wave_name(s) + ": " + judgement.says, "withdrawn");
        step.readings.insert(step.readings.begin(), judgement.readings.begin(),
                             judgement.readings.end());
        return step;
    }
    if (s.judgement && s.judgement->verdict == Verdict::worse)
        return back(s, "worse", wave_name(s) + ": " + s.judgement->says, "withdrawn");
    return std::nullopt;
}

}  // namespace

bool silence_fails(const Progress& progress, const Plan& plan, Timestamp now) {
    return progress.installing_from.ns != 0 &&
           now >= progress.installing_from + plan.install_within;
}

Step next_step(const Situation& s, Timestamp watched) {
    if (is_out(s.state)) {
        if (auto step = emergency(s)) return std::move(*step);
        const bool holds =
            s.state == state::rolling || s.state == state::installing || s.state == state::soaking;
        if (s.plan.paused && holds) return move(s, "paused", "a person holds it");
    }
    if (s.state == state::waiting_approval) return waiting_approval(s);
    if (s.state == state::planned) return planned(s);
    if (s.state == state::rolling) return rolling(s);
    if (s.state == state::installing) return installing(s);
    if (s.state == state::soaking) return soaking(s, watched);
    if (s.state == state::judging) return judging(s);
    if (s.state == state::inconclusive) return inconclusive(s);
    if (s.state == state::rolling_back) return rolling_back(s);
    if (s.state == state::paused && !s.plan.paused)
        return move(s, "resumed", "a person lets it go on");
    return just(Deed::wait);
}

}  // namespace mw::rollouts
