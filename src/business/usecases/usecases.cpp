#include "business/usecases/usecases.h"

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"

namespace mw::usecases {
namespace {

Json without_stage(Json spec) {
    spec.get_object().erase("stage");
    return spec;
}

std::string possible_from(std::string_view stage) {
    std::string text;
    for (const auto& row : stage_table().rows())
        if (row.from == stage) text += (text.empty() ? "" : ", ") + std::string(row.to);
    return text;
}

// A forward step must stand on what was signed: the stage changes and nothing else.
Result<> check_step(const Resource& stored, const Resource& wanted, const Evidence& evidence) {
    const auto from = stage_of(stored), to = stage_of(wanted);
    if (without_stage(stored.spec) != without_stage(wanted.spec))
        return Error{Errc::conflict,
                     "spec.stage: the step from " + from + " to " + to +
                         " has to change the stage alone, for people have signed the rest; make "
                         "the other changes first"};
    const auto review = check_stage(stored, evidence);
    if (review.ready()) return {};
    return Error{Errc::conflict, "spec.stage: " + stored.name + " can't leave stage " + from +
                                     ": " + review.obstacle()};
}

// What the story tells about a step that was let through, when the status follows.
std::string sentence(const Transition& row, Resource use_case, const Evidence& evidence) {
    if (!is_forward(row)) return std::string(row.says);
    set(use_case.spec, "stage", Json(row.from));
    use_case.generation -= 1;  // what was reviewed is the spec before the step
    const auto review = check_stage(use_case, evidence);
    std::size_t held = 0;
    for (const auto& criterion : review.rows) held += criterion.holds;
    return std::to_string(held) + " of " + std::to_string(review.rows.size()) +
           " exit criteria of " + std::string(row.from) + " hold; " + review.consent.says;
}

Task<std::vector<Resource>> all_of(ResourceStore& store, std::string kind) {
    std::vector<Resource> all;
    auto visit = [&all](Resource resource) { all.push_back(std::move(resource)); };
    CO_TRY_VOID(co_await each_resource(store, std::move(kind), std::move(visit)));
    co_return std::move(all);
}

}  // namespace

UseCases::UseCases(Loop& loop, ResourceStore& store) : loop_(loop), store_(store), scope_(loop) {}
UseCases::~UseCases() = default;

Task<> UseCases::start() {
    subscription_ = store_.subscribe([this](const ResourceChange& change) {
        if (change.what != ResourceChange::What::deleted) on_change(change.resource);
    });
    auto visit = [this](Resource use_case) { on_change(use_case); };
    std::string kind = "UseCase";
    co_return co_await each_resource(store_, std::move(kind), std::move(visit));
}

Task<> UseCases::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void UseCases::on_change(const Resource& use_case) {
    if (use_case.kind != "UseCase") return;
    if (stage_of(use_case) == state_of(use_case, stage_table())) return;
    if (settling_.insert(use_case.name).second) scope_.spawn(settle(use_case.name));
}

Task<> UseCases::settle(std::string name) {
    for (;;) {
        auto step = take_step(name);
        const auto moved = co_await std::move(step);
        if (moved && *moved) continue;
        settling_.erase(name);
        const bool gone = !moved && moved.error().code == Errc::not_found;
        if (!moved && !gone && moved.error().code != Errc::cancelled)
            log::warn("usecases.stage.stuck",
                      {{"use_case", name}, {"reason", moved.error().message}});
        co_return Result<>{};
    }
}

// One row nearer to the stage that the spec names; false when it is there.
Task<bool> UseCases::take_step(std::string name) {
    std::string kind = "UseCase";
    CO_TRY(auto use_case, co_await store_.get(kind, name));
    const std::string from(state_of(use_case, stage_table())), to = stage_of(use_case);
    if (from == to) co_return false;
    const Transition* row = first_step(from, to);
    if (!row) co_return Error{Errc::conflict, "no way leads from " + from + " to " + to};
    auto gathering = gather(name);
    CO_TRY(const auto evidence, co_await std::move(gathering));
    const auto says = sentence(*row, use_case, evidence);
    CO_TRY(auto changes, advance(use_case, stage_table(), row->event, says, loop_.clock().now()));
    AuditNote note{"hub", "usecase.stage", from + " to " + std::string(row->to) + ": " + says};
    note.controls = "MANAGE 1.1";
    CO_TRY_VOID(co_await store_.merge_status(std::move(kind), std::move(name), std::move(changes),
                                             std::move(note)));
    co_return true;
}

Task<Evidence> UseCases::gather(std::string use_case) {
    Evidence evidence;
    auto reports = all_of(store_, "GateReport");
    CO_TRY(evidence.gate_reports, co_await std::move(reports));
    auto rollouts = all_of(store_, "Rollout");
    CO_TRY(evidence.rollouts, co_await std::move(rollouts));
    approvals::Subject subject{"UseCase", std::move(use_case)};
    auto given = approvals::approvals_of(store_, std::move(subject));
    CO_TRY(evidence.approvals, co_await std::move(given));
    co_return std::move(evidence);
}

Task<Resource> UseCases::admit(policy::AdmissionRequest request) {
    auto& wanted = request.wanted;
    const auto to = stage_of(wanted);
    if (request.deed == policy::Verb::create) {
        if (to != stage_table().initial())
            co_return Error{Errc::invalid_input,
                            "spec.stage: a use case begins as idea; create it so, then move it "
                            "stage by stage with: millwright usecase stage " +
                                wanted.name + " prototype"};
        set(wanted.status, "state", Json(stage_table().initial()));
        co_return std::move(wanted);
    }
    const auto from = request.stored ? stage_of(*request.stored) : to;
    if (request.deed == policy::Verb::remove || from == to) co_return std::move(wanted);
    const Transition* row = step_between(from, to);
    if (!row)
        co_return Error{Errc::conflict, "spec.stage: from " + from + " to " + to +
                                            " is more than one step (from " + from + ": " +
                                            possible_from(from) + ")"};
    if (is_forward(*row)) {
        auto gathering = gather(wanted.name);
        CO_TRY(const auto evidence, co_await std::move(gathering));
        CO_TRY_VOID(check_step(*request.stored, wanted, evidence));
    }
    co_return std::move(wanted);
}

Task<StageReview> UseCases::review(std::string name) {
    std::string kind = "UseCase";
    CO_TRY(const auto use_case, co_await store_.get(std::move(kind), name));
    auto gathering = gather(std::move(name));
    CO_TRY(const auto evidence, co_await std::move(gathering));
    co_return check_stage(use_case, evidence);
}

Task<std::vector<Ranked>> UseCases::rank() {
    auto reading = all_of(store_, "UseCase");
    CO_TRY(auto use_cases, co_await std::move(reading));
    Evidence shared;
    auto reports = all_of(store_, "GateReport");
    CO_TRY(shared.gate_reports, co_await std::move(reports));
    auto rollouts = all_of(store_, "Rollout");
    CO_TRY(shared.rollouts, co_await std::move(rollouts));
    auto approvals = all_of(store_, "Approval");
    CO_TRY(shared.approvals, co_await std::move(approvals));
    std::vector<Candidate> candidates;
    for (auto& use_case : use_cases) {
        auto review = check_stage(use_case, shared);
        candidates.push_back({std::move(use_case), std::move(review)});
    }
    co_return rank_portfolio(candidates);
}

}  // namespace mw::usecases
