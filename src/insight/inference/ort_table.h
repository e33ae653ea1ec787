#pragma once
// The part of ONNX Runtime's C ABI that we use, declared by hand: the table of API version 14, of
// which every later version's table is a continuation. Each entry has its own typed signature and
// its index; the indices were compared over 15 released headers. No structs cross the border.

#include <cstddef>
#include <cstdint>

namespace mw::inference::ort {

constexpr std::uint32_t api_version = 14;

// Opaque: only ever behind pointers.
struct Env;
struct Status;
struct MemoryInfo;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct TypeInfo;
struct TensorInfo;
struct Allocator;
struct IoBinding;

enum ElementType : int { element_float = 1 };  // ONNXTensorElementDataType
enum OnnxType : int { onnx_tensor = 1 };       // ONNXType
enum LogLevel : int { log_fatal = 4 };         // OrtLoggingLevel
enum OptimizationLevel : int { optimize_all = 99 };
enum AllocatorType : int { device_allocator = 0 };
enum MemoryType : int { memory_default = 0 };

struct ApiBase {
    const void* const* (*get_api)(std::uint32_t version);
    const char* (*get_version_string)();
};

template <int Index, class Signature>
struct Entry {
    Signature* call = nullptr;
    void take_from(const void* const* table) {
        call = reinterpret_cast<Signature*>(const_cast<void*>(table[Index]));
    }
};

struct Api {
    Entry<1, int(const Status*)> error_code;
    Entry<2, const char*(const Status*)> error_message;
    Entry<3, Status*(LogLevel, const char*, Env**)> create_env;
    Entry<6, Status*(const Env*)> disable_telemetry;
    Entry<7, Status*(const Env*, const char*, const SessionOptions*, Session**)> create_session;
    Entry<8, Status*(const Env*, const void*, std::size_t, const SessionOptions*, Session**)>
        create_session_from_array;
    Entry<9, Status*(Session*, const RunOptions*, const char* const*, const Value* const*,
                     std::size_t, const char* const*, std::size_t, Value**)>
        run;
    Entry<10, Status*(SessionOptions**)> create_session_options;
    Entry<17, Status*(SessionOptions*)> disable_memory_pattern;
    Entry<19, Status*(SessionOptions*)> disable_cpu_arena;
    Entry<23, Status*(SessionOptions*, OptimizationLevel)> set_optimization_level;
    Entry<24, Status*(SessionOptions*, int)> set_intra_threads;
    Entry<25, Status*(SessionOptions*, int)> set_inter_threads;
    Entry<30, Status*(const Session*, std::size_t*)> input_count;
    Entry<31, Status*(const Session*, std::size_t*)> output_count;
    Entry<33, Status*(const Session*, std::size_t, TypeInfo**)> input_type;
    Entry<34, Status*(const Session*, std::size_t, TypeInfo**)> output_type;
    Entry<36, Status*(const Session*, std::size_t, Allocator*, char**)> input_name;
    Entry<37, Status*(const Session*, std::size_t, Allocator*, char**)> output_name;
    Entry<49, Status*(const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t,
                      ElementType, Value**)>
        create_tensor;
    Entry<51, Status*(Value*, void**)> mutable_data;
    Entry<55, Status*(const TypeInfo*, const TensorInfo**)> cast_to_tensor;
    Entry<56, Status*(const TypeInfo*, OnnxType*)> onnx_type;
    Entry<60, Status*(const TensorInfo*, ElementType*)> element_type;
    Entry<61, Status*(const TensorInfo*, std::size_t*)> dimension_count;
    Entry<62, Status*(const TensorInfo*, std::int64_t*, std::size_t)> dimensions;
    Entry<65, Status*(const Value*, TensorInfo**)> tensor_info;
    Entry<69, Status*(AllocatorType, MemoryType, MemoryInfo**)> create_cpu_memory;
    Entry<76, Status*(Allocator*, void*)> free_by;
    Entry<78, Status*(Allocator**)> default_allocator;
    Entry<93, void(Status*)> release_status;
    Entry<94, void(MemoryInfo*)> release_memory;
    Entry<95, void(Session*)> release_session;
    Entry<96, void(Value*)> release_value;
    Entry<98, void(TypeInfo*)> release_type;
    Entry<99, void(TensorInfo*)> release_tensor_info;
    Entry<100, void(SessionOptions*)> release_session_options;
    Entry<130, Status*(SessionOptions*, const char*, const char*)> add_config;
    Entry<133, Status*(Session*, const RunOptions*, const IoBinding*)> run_with_binding;
    Entry<134, Status*(Session*, IoBinding**)> create_binding;
    Entry<135, void(IoBinding*)> release_binding;
    Entry<136, Status*(IoBinding*, const char*, const Value*)> bind_input;
    Entry<137, Status*(IoBinding*, const char*, const Value*)> bind_output;

    explicit Api(const void* const* table);
};

}  // namespace mw::inference::ort
