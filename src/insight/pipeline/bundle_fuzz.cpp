// Any bytes as a bundle, as a reference and as a checkpoint: an error, or something that works.
#include <cstddef>
#include <cstdint>

#include "insight/pipeline/bundle.h"
#include "insight/pipeline/test_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw;
    const ByteView bytes(data, size);
    if (auto bundle = pipeline::unpack(bytes)) ASSERT(pipeline::pack(*bundle).ok());
    ignore(pipeline::parse_reference(text_of(bytes)), "must only not crash");
    pipeline::SumEngine engine;
    SimulatedClock clock;
    ignore(pipeline::load_bundle(bytes, engine, clock), "must only not crash");
    // The archive is strict; its parts are reached directly.
    pipeline::Bundle parts{{'S', 'U', 'M', ':', '1'},
                           "version: 1\ninputs: [{name: a}]\nwindow: {rows: 2}\n"
                           "features: [{name: f, input: a}]\n",
                           std::string(text_of(bytes)),
                           "card",
                           std::string(text_of(bytes))};
    if (auto tar = pipeline::pack(parts))
        ignore(pipeline::load_bundle(*tar, engine, clock), "must only not crash");
    return 0;
}
