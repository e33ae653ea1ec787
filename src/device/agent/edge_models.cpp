#include "device/agent/edge_models.h"

namespace mw::agent {

Result<ModelRunner*> EdgeModels::find(const std::string& model, const std::string& version) const {
    const auto found = processor_.models().find(model);
    if (found == processor_.models().end()) {
        std::string known;
        for (const auto& [name, runner] : processor_.models()) known += " " + name;
        return Error{Errc::not_found, "no model '" + model + "' runs here; there are:" +
                                          (known.empty() ? " none" : known)};
    }
    const std::string& runs = found->second->assignment().version;
    if (!version.empty() && version != runs)
        return Error{Errc::not_found, "of model '" + model + "' version '" + runs +
                                          "' runs here, not '" + version + "'"};
    return found->second.get();
}

Task<open_inference::Description> EdgeModels::describe(std::string model, std::string version) {
    CO_TRY(ModelRunner * runner, find(model, version));
    open_inference::Description description;
    description.name = std::move(model);
    description.version = runner->assignment().version;
    description.versions = {description.version};
    description.platform = runner->engine();
    description.input = runner->model().input();
    description.output = runner->model().output();
    co_return std::move(description);
}

Task<std::vector<float>> EdgeModels::run(std::string model, std::string version,
                                         open_inference::Rows rows) {
    CO_TRY(ModelRunner * runner, find(model, version));
    if (rows.count > rows_max)
        co_return Error{Errc::invalid_input,
                        "a gateway takes " + std::to_string(rows_max) + " rows at once"};
    co_return open_inference::run_rows(runner->model(), rows);
}

}  // namespace mw::agent
