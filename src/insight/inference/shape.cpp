#include <algorithm>

#include "insight/inference/inference.h"

namespace mw::inference {
namespace {

Error bad_shape(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

}  // namespace

std::string to_text(const TensorShape& shape) {
    std::string text = "'" + shape.name + "' [";
    for (std::size_t i = 0; i < shape.dims.size(); ++i)
        text += (i ? ", " : "") + (shape.dims[i] < 0 ? "?" : std::to_string(shape.dims[i]));
    return text + "]";
}

std::size_t elements_of(const TensorShape& shape, std::size_t most) {
    std::size_t product = 1;
    for (const std::int64_t dim : shape.dims) {
        if (dim <= 0 || static_cast<std::size_t>(dim) > most / product) return 0;
        product *= static_cast<std::size_t>(dim);
    }
    return product;
}

Result<TensorShape> filled_in(const TensorShape& declared, std::size_t features, std::size_t most) {
    TensorShape filled = declared;
    if (filled.dims.empty()) filled.dims = {1, -1};  // the graph declares no shape
    if (filled.dims.size() > 1 && filled.dims[0] < 0) filled.dims[0] = 1;
    auto free = std::find(filled.dims.begin(), filled.dims.end(), -1);
    TensorShape known = filled;
    for (auto& dim : known.dims) dim = std::max<std::int64_t>(dim, dim < 0 ? 1 : dim);
    const std::size_t product = elements_of(known, most);
    if (product == 0)
        return bad_shape("input " + to_text(declared) + " is empty or has more than " +
                         std::to_string(most) + " elements");
    if (free != filled.dims.end())
        *free = features > 0 && features % product == 0
                    ? static_cast<std::int64_t>(features / product)
                    : 1;
    for (auto& dim : filled.dims) dim = dim < 0 ? 1 : dim;
    const std::size_t total = elements_of(filled, most);
    if (total == 0 || (features > 0 && total != features))
        return bad_shape("input " + to_text(declared) + " does not take " +
                         std::to_string(features) + " features");
    return filled;
}

}  // namespace mw::inference
