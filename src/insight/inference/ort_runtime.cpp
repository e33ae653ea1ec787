#include "insight/inference/ort_runtime.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace mw::inference::ort {
namespace {

// From 1.30 on an environment starts telemetry before it can be told not to: a thread, a device id
// in the user's home, /tmp/.ses, uploads. Only this variable keeps it from that. Set before main(),
// as later another thread may read the environment of the process.
const bool telemetry_is_off = setenv("ORT_DISABLE_TELEMETRY", "1", 1) == 0;

constexpr const char* library_name = "libonnxruntime.so.1";

struct Library {
    void* handle = nullptr;
    std::string path;
};

Result<Library> open_one(const std::string& path) {
    // Never closed again: it has threads and exit functions of its own.
    if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return Library{handle, path};
    const char* why = dlerror();
    return Error{Errc::not_found, why ? why : path + " could not be loaded"};
}

std::vector<std::string> usual_places() {
    std::vector<std::string> places;
    std::error_code failed;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed) {
        places.push_back(program.parent_path() / library_name);
        places.push_back(program.parent_path().parent_path() / "lib" / library_name);
    }
    places.emplace_back(library_name);
#ifdef MW_ORT_BUILD_LIBRARY
    places.emplace_back(MW_ORT_BUILD_LIBRARY);
#endif
    return places;
}

Result<Library> find_library(const std::string& wanted) {
    if (!wanted.empty()) return open_one(wanted);
    if (const char* path = std::getenv("MILLWRIGHT_ORT"); path && *path)
        return open_one(path).context("$MILLWRIGHT_ORT");
    std::string tried;
    for (const auto& place : usual_places()) {
        if (auto library = open_one(place)) return library;
        tried += (tried.empty() ? "" : ", ") + place;
    }
    return Error{Errc::not_found, "ONNX Runtime was not found; tried " + tried +
                                      ". Run tools/deps, or set MILLWRIGHT_ORT to the library"};
}

}  // namespace

Result<std::shared_ptr<Runtime>> Runtime::open(const std::string& wanted, bool arena) {
    TRY(const Library library, find_library(wanted));
    using GetBase = const ApiBase*();
    auto* get_base = reinterpret_cast<GetBase*>(dlsym(library.handle, "OrtGetApiBase"));
    const ApiBase* base = get_base ? get_base() : nullptr;
    if (!base) return Error{Errc::invalid_input, library.path + " is not an ONNX Runtime"};
    const char* version = base->get_version_string();
    const void* const* table = base->get_api(api_version);
    if (!table || !version)
        return Error{Errc::invalid_input, library.path + " does not offer ONNX Runtime API " +
                                              std::to_string(api_version) + "; use 1.14 or later"};
    std::shared_ptr<Runtime> runtime(new Runtime(table, version));
    TRY_VOID(runtime->start(arena).context(library.path));
    return runtime;
}

Runtime::Runtime(const void* const* table, std::string version)
    : api_(table), version_(std::move(version)) {}

Runtime::~Runtime() {
    if (memory_) api_.release_memory.call(memory_);
    if (options_) api_.release_session_options.call(options_);
    // The environment stays: a process has one, and its threads leave memory behind when it ends.
}

Result<void> Runtime::start(bool arena) {
    if (!telemetry_is_off) return Error{Errc::io_failed, "ONNX Runtime's telemetry is not off"};
    // Only fatal: its errors come to us as statuses, and we report them once.
    TRY_VOID(check(api_.create_env.call(log_fatal, "millwright", &env_), "create environment"));
    TRY_VOID(check(api_.disable_telemetry.call(env_), "switch telemetry off"));
    TRY_VOID(check(api_.create_session_options.call(&options_), "create session options"));
    TRY_VOID(check(api_.set_intra_threads.call(options_, 1), "set threads"));
    TRY_VOID(check(api_.set_inter_threads.call(options_, 1), "set threads"));
    // No arena and no memory patterns: a little slower, several megabytes less resident.
    if (!arena) {
        TRY_VOID(check(api_.disable_cpu_arena.call(options_), "switch the arena off"));
        TRY_VOID(check(api_.disable_memory_pattern.call(options_), "switch memory patterns off"));
    }
    TRY_VOID(check(api_.set_optimization_level.call(options_, optimize_all), "set optimization"));
    for (const char* key : {"session.intra_op.allow_spinning", "session.inter_op.allow_spinning"})
        TRY_VOID(check(api_.add_config.call(options_, key, "0"), key));
    TRY_VOID(check(api_.create_cpu_memory.call(device_allocator, memory_default, &memory_),
                   "create memory description"));
    return check(api_.default_allocator.call(&allocator_), "get allocator");
}

Result<void> Runtime::check(Status* status, const char* what) const {
    if (!status) return {};
    const char* text = api_.error_message.call(status);
    std::string message = std::string(what) + ": " + (text && *text ? text : "failed");
    api_.release_status.call(status);
    if (message.size() > 500) message.resize(500);
    return Error{Errc::invalid_input, std::move(message)};
}

}  // namespace mw::inference::ort
