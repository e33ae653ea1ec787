#include "apps/hub/model_server.h"

#include <algorithm>

#include "domain/each_resource.h"
#include "insight/native/native.h"

namespace mw::hub {
namespace {

constexpr std::size_t blob_piece = std::size_t{4} << 20;

// What its gate refused, or somebody took out of use, answers nobody.
bool is_of_use(const Resource& version) {
    const std::string state = find_string(version.status, "state").value_or("");
    return state != "refused" && state != "retired";
}

}  // namespace

Task<Bytes> read_blob(blobs::Blobs& blobs, std::string sha256, std::size_t bytes_max) {
    CO_TRY(const auto blob, co_await blobs.stat(sha256));
    if (blob.size > bytes_max)
        co_return Error{Errc::invalid_input, "blob " + sha256 + " has " +
                                                 std::to_string(blob.size) + " bytes, at most " +
                                                 std::to_string(bytes_max) + " are read here"};
    Bytes bytes;
    while (bytes.size() < blob.size) {
        CO_TRY(const Bytes part, co_await blobs.read(sha256, bytes.size(), blob_piece));
        if (part.empty()) co_return Error{Errc::corrupt, "blob " + sha256 + " ends too early"};
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    co_return std::move(bytes);
}

// While it lives, nobody else runs the model.
class ModelServer::Turn {
 public:
    explicit Turn(std::shared_ptr<Loaded> model) : model_(std::move(model)) { model_->busy = true; }
    ~Turn() {
        model_->busy = false;
        model_->idle.set();
    }
    Turn(const Turn&) = delete;

 private:
    std::shared_ptr<Loaded> model_;
};

Task<ModelServer::Versions> ModelServer::find(std::string model, std::string version) {
    std::vector<Resource> found;
    const auto visit = [&](Resource each) {
        if (find_string(each.spec, "model") == model && is_of_use(each))
            found.push_back(std::move(each));
    };
    CO_TRY_VOID(co_await each_resource(parts_.registry, "ModelVersion", visit));
    std::stable_sort(found.begin(), found.end(),
                     [](const Resource& a, const Resource& b) { return a.created < b.created; });
    Versions versions;
    for (const Resource& each : found) {
        const std::string name = find_string(each.spec, "version").value_or("");
        if (version.empty() || version == name) versions.chosen = each;
        versions.all.push_back(name);
    }
    if (versions.chosen.name.empty())
        co_return Error{Errc::not_found,
                        version.empty()
                            ? "model '" + model + "' has no version of use"
                            : "model '" + model + "' has no version '" + version + "' of use"};
    co_return std::move(versions);
}

std::shared_ptr<ModelServer::Loaded> ModelServer::loaded(const std::string& sha256) {
    const auto at = std::find_if(models_.begin(), models_.end(),
                                 [&](const auto& model) { return model->sha256 == sha256; });
    if (at == models_.end()) return nullptr;
    models_.splice(models_.begin(), models_, at);
    return models_.front();
}

Task<std::shared_ptr<ModelServer::Loaded>> ModelServer::load(std::string sha256) {
    // One at a time: loading takes memory, and two who ask want the same one.
    while (loading_) {
        load_ended_.reset();
        CO_TRY_VOID(co_await load_ended_.wait());
    }
    if (auto known = loaded(sha256)) co_return std::move(known);
    struct Loading {
        bool& flag;
        Event& ended;
        ~Loading() {
            flag = false;
            ended.set();
        }
    };
    loading_ = true;
    const Loading mark{loading_, load_ended_};
    CO_TRY(Bytes bytes, co_await read_blob(parts_.blobs, sha256, bundle_bytes_max));
    using Opened = std::pair<std::shared_ptr<inference::Engine>, std::shared_ptr<Loaded>>;
    auto job = [bytes = std::move(bytes), sha256, engine = engine_,
                clock = &parts_.clock]() mutable -> Result<Opened> {
        if (!engine) {
            TRY(engine, native::open_engine());
        }
        TRY(auto bundle, pipeline::load_bundle(bytes, *engine, *clock, sha256));
        std::shared_ptr<Loaded> made(new Loaded{sha256, std::move(bundle), false, {}});
        return Opened{std::move(engine), std::move(made)};
    };
    CO_TRY(auto opened, co_await parts_.workers.run(std::move(job)));
    engine_ = std::move(opened.first);
    models_.push_front(opened.second);
    if (models_.size() > models_max) models_.pop_back();
    co_return std::move(opened.second);
}

Task<open_inference::Description> ModelServer::describe(std::string model, std::string version) {
    auto finding = find(model, std::move(version));
    CO_TRY(Versions versions, co_await std::move(finding));
    std::string sha256 = find_string(versions.chosen.spec, "bundle").value_or("");
    auto loading = load(std::move(sha256));
    CO_TRY(const auto found, co_await std::move(loading));
    const inference::Model& graph = found->bundle.pipeline.model();
    open_inference::Description description;
    description.name = std::move(model);
    description.version = find_string(versions.chosen.spec, "version").value_or("");
    description.versions = std::move(versions.all);
    description.platform = graph.engine();
    description.input = graph.input();
    description.output = graph.output();
    co_return std::move(description);
}

Task<std::vector<float>> ModelServer::run(std::string model, std::string version,
                                          open_inference::Rows rows) {
    auto finding = find(std::move(model), std::move(version));
    CO_TRY(const Versions versions, co_await std::move(finding));
    std::string sha256 = find_string(versions.chosen.spec, "bundle").value_or("");
    auto loading = load(std::move(sha256));
    CO_TRY(const auto found, co_await std::move(loading));
    while (found->busy) {
        found->idle.reset();
        CO_TRY_VOID(co_await found->idle.wait());
    }
    const Turn turn(found);
    auto job = [found, rows = std::move(rows)] {
        return open_inference::run_rows(found->bundle.pipeline.model(), rows);
    };
    co_return co_await parts_.workers.run(std::move(job));
}

}  // namespace mw::hub
