#include "apps/hub/gate_wiring.h"

#include "apps/hub/model_server.h"
#include "business/approvals/approvals.h"
#include "domain/story.h"

namespace mw::hub {
namespace {

constexpr std::size_t bundle_bytes_max = std::size_t{300} << 20;

using Check = Result<> (*)(const Resource& wanted, const std::optional<Resource>& stored);

// A write that the module's pure check lets pass stays as it is.
Task<Resource> checked(Check check, policy::AdmissionRequest request) {
    if (request.deed != policy::Verb::remove) CO_TRY_VOID(check(request.wanted, request.stored));
    co_return std::move(request.wanted);
}
api::Admit admitting(Check check) {
    return [check](policy::AdmissionRequest request) { return checked(check, std::move(request)); };
}

Result<> admit_report(const Resource& wanted, const std::optional<Resource>&) {
    return Error{Errc::denied, "a GateReport such as '" + wanted.name +
                                   "' is written by the hub alone. Next step: millwright gate run"};
}

// A person may ask about a window; chance is the hub's, because prices are made from it.
Task<Resource> admit_task(policy::AdmissionRequest request) {
    const auto& stored = request.stored;
    Resource& wanted = request.wanted;
    if (request.deed == policy::Verb::remove) co_return std::move(wanted);
    if (stored && stored->spec != wanted.spec)
        co_return Error{Errc::conflict, "the question of a LabelTask stays what it is"};
    if (!stored && find_string(wanted.spec, "why") != "person")
        co_return Error{Errc::invalid_input,
                        "spec.why: a task that a person makes has why: person"};
    if (!stored) wanted.status = JsonObject{{"state", labelling::task_table().initial()}};
    co_return std::move(wanted);
}

}  // namespace

Result<std::unique_ptr<LabelTable>> LabelTable::open(files::Files& files, Loop& loop,
                                                     Workers& workers, std::string directory) {
    auto table = std::make_unique<LabelTable>();
    TRY(table->log_, labels::LabelLog::open(files, loop, workers, std::move(directory)));
    return table;
}

GateWiring::GateWiring(Parts parts) : parts_(std::move(parts)) {
    datasets_ = std::make_unique<datasets::Datasets>(
        datasets::Datasets::Parts{parts_.loop, parts_.registry, parts_.queries, parts_.blobs,
                                  parts_.labels, parts_.workers, parts_.clock});
    labelling_ = std::make_unique<labelling::Labelling>(
        labelling::Labelling::Parts{parts_.loop, parts_.registry, parts_.labels, parts_.clock,
                                    parts_.metrics, [this](std::string model, std::string version) {
                                        return threshold(std::move(model), std::move(version));
                                    }});
    commands_ = std::make_unique<gates::Commands>(parts_.clock, parts_.random, parts_.devices);
    gates::Sign sign = [this](ByteView message) -> Result<gates::Signature> {
        TRY(Bytes signature, parts_.release_key.sign(message));
        return gates::Signature{std::move(signature), parts_.release_key.chain()};
    };
    gates::AskConsent ask = [this](Resource subject, std::string what, std::string role) {
        return consent(std::move(subject), std::move(what), std::move(role));
    };
    gates_ = std::make_unique<gates::Gates>(
        gates::Gates::Parts{parts_.loop, parts_.registry, parts_.blobs, parts_.workers,
                            parts_.clock, *commands_, std::move(sign), std::move(ask)});
}

Task<> GateWiring::start() {
    CO_TRY_VOID(co_await datasets_->start());
    CO_TRY_VOID(co_await labelling_->start());
    co_return co_await gates_->start();
}

Task<> GateWiring::stop() {
    auto outcome = co_await gates_->stop();
    co_await labelling_->stop();
    co_await datasets_->stop();
    co_await parts_.labels.stop();
    co_return std::move(outcome);
}

// What raises an alarm is in the bundle's pipeline.
Task<double> GateWiring::threshold(std::string model, std::string version) {
    const std::string name = model + "--" + version;
    CO_TRY(const Resource stored, co_await parts_.registry.get("ModelVersion", name));
    CO_TRY(const std::string sha256, want_string(stored.spec, "bundle"));
    CO_TRY(Bytes bytes, co_await read_blob(parts_.blobs, sha256, bundle_bytes_max));
    auto read = [bytes = std::move(bytes)]() -> Result<double> {
        TRY(const auto bundle, pipeline::unpack(bytes));
        TRY(const auto spec, pipeline::parse_spec(bundle.pipeline));
        return spec.raise_at;
    };
    co_return co_await parts_.workers.run(std::move(read));
}

Task<gates::Consent> GateWiring::consent(Resource subject, std::string what, std::string role) {
    approvals::Subject about{subject.kind, subject.name};
    CO_TRY(const auto all, co_await approvals::approvals_of(parts_.registry, about));
    const std::string author = find_string(subject.status, "author").value_or("");
    const auto verdict = approvals::judge(all, about, subject.generation, what, {role}, author);
    co_return gates::Consent{verdict.given && !verdict.rejected, verdict.says};
}

// What its gate refused is not given to a device by hand either.
Task<Resource> GateWiring::admit_device(policy::AdmissionRequest request, api::Admit others) {
    if (request.deed != policy::Verb::remove) {
        CO_TRY_VOID(co_await refuse_refused(request));
    }
    if (!others) co_return std::move(request.wanted);
    auto judging = others(std::move(request));
    co_return co_await std::move(judging);
}

Task<> GateWiring::refuse_refused(policy::AdmissionRequest request) {
    const Json* models = find(request.wanted.spec, "models");
    const Json* before = request.stored ? find(request.stored->spec, "models") : nullptr;
    std::vector<std::string> fresh;
    if (models && models->is_object())
        for (const auto& [model, entry] : models->get_object()) {
            const Json* was =
                before && before->is_object() ? before->get_object().if_contains(model) : nullptr;
            for (const char* key : {"version", "shadow"}) {
                const auto wanted = find_string(entry, key);
                if (!wanted || (was && find_string(*was, key) == wanted)) continue;
                fresh.push_back(std::string(model) + "--" + *wanted);
            }
        }
    for (const std::string& name : fresh) {
        auto version = co_await parts_.registry.get("ModelVersion", name);
        if (!version) continue;  // the store says what refers to nothing
        const auto state = state_of(*version, gates::version_table());
        if (state != "refused" && state != "retired") continue;
        CO_TRY_VOID(gates::may_roll_out(*version, {}));
    }
    co_return Result<>{};
}

void GateWiring::add_admission(api::Admission& admission) {
    admission["ModelVersion"] = admitting(gates::admit_version);
    admission["Dataset"] = admitting(datasets::admit);
    admission["GateReport"] = admitting(admit_report);
    admission["LabelTask"] = admit_task;
    // Others may have something to say about devices too.
    api::Admit others = admission["Device"];
    admission["Device"] = [this, others](policy::AdmissionRequest request) {
        return admit_device(std::move(request), others);
    };
}

Task<Json> GateWiring::answer(std::string task, Json body, std::string author) {
    CO_TRY(const auto answer, labelling::answer_from(body));
    CO_TRY(const Resource stored,
           co_await labelling_->answer(std::move(task), answer, std::move(author)));
    co_return to_json(stored);
}

Task<> GateWiring::take(labelling::EdgeAnswer answer) {
    Bytes seen(answer.snippet.begin(), answer.snippet.end());
    CO_TRY(const auto blob, co_await parts_.blobs.put(std::move(seen)));
    auto taking = labelling_->take(std::move(answer), blob.sha256);
    co_return co_await std::move(taking);
}

Task<Json> GateWiring::adjudicate(std::string task, Json body, policy::Principal who) {
    CO_TRY(auto ruling, labelling::ruling_from(body));
    labelling::Labelling::Judge judge{std::move(who.name), std::move(who.roles), {}};
    // Somebody who is gone has no role any more; that they disagreed stays.
    judge.roles_of = [&registry = parts_.registry](const std::string& author) {
        constexpr std::string_view users = "user:";
        const auto* account =
            author.starts_with(users) ? registry.find(author.substr(users.size())) : nullptr;
        return account ? account->roles : std::vector<std::string>{};
    };
    CO_TRY(const Resource stored,
           co_await labelling_->adjudicate(std::move(task), std::move(ruling), std::move(judge)));
    co_return to_json(stored);
}

JsonArray GateWiring::agreement(const std::string& use_case, const std::string& model) {
    JsonArray list;
    for (const auto& pair : labels::agreements(parts_.labels.windows()))
        if ((use_case.empty() || pair.use_case == use_case) &&
            (model.empty() || pair.model == model))
            list.push_back(labels::to_json(pair));
    return list;
}

Task<Json> GateWiring::run(std::string gate, std::string version, std::string actor) {
    CO_TRY(const auto started,
           co_await gates_->run(std::move(gate), std::move(version), std::move(actor)));
    co_return Json(JsonObject{{"report", started.report}, {"version", started.version}});
}

Task<Json> GateWiring::retire(std::string version, std::string reason, std::string actor) {
    CO_TRY(const Resource stored,
           co_await gates_->retire(std::move(version), std::move(reason), std::move(actor)));
    co_return to_json(stored);
}

}  // namespace mw::hub
