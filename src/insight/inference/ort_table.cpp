#include "insight/inference/ort_table.h"

namespace mw::inference::ort {

Api::Api(const void* const* table) {
    const auto take = [table](auto&... entries) { (entries.take_from(table), ...); };
    take(error_code, error_message, create_env, disable_telemetry, create_session,
         create_session_from_array, run, create_session_options, disable_memory_pattern,
         disable_cpu_arena, set_optimization_level, set_intra_threads, set_inter_threads,
         input_count, output_count, input_type, output_type, input_name, output_name, create_tensor,
         mutable_data, cast_to_tensor, onnx_type, element_type, dimension_count, dimensions,
         tensor_info, create_cpu_memory, free_by, default_allocator, release_status, release_memory,
         release_session, release_value, release_type, release_tensor_info, release_session_options,
         add_config, run_with_binding, create_binding, release_binding, bind_input, bind_output);
}

}  // namespace mw::inference::ort
