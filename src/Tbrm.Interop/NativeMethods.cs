using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop;

/// <summary>native/include/tbrm/tbrm.h, line for line: same names, same order, nothing added. AbiTests holds it to
/// that.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "tbrm";
    internal const int AbiVersion = 1;
    internal const int PageTokens = 64;
    internal const int MemoryUses = 10;
    internal const int MemoryParts = 40;

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int tbrm_abi_version();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial byte* tbrm_abi_layout();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial byte* tbrm_abi_header_sha256();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial byte* tbrm_build_info();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long tbrm_debug_live_objects();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_create(
        DeviceKind kind, int ordinal, int nThreads, out ContextHandle outContext, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_context_destroy(nint context);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_synchronize(ContextHandle context, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_set_batch_invariant(ContextHandle context, int on,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_memory(
        ContextHandle context, int resetPeak, long* outInUseBytes, long* outPeakBytes, long* outDeviceTotalBytes,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_memory_parts(
        ContextHandle context, int nParts, long* outInUseBytes, long* outAtPeakBytes, long* outUsedByAllBytes,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_self_check(ContextHandle context, int* outResults,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_context_describe(
        ContextHandle context, long nBytes, byte* outJson, long* outNeededBytes, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_create(
        ContextHandle context, NativeModelConfig* config, int nInvFreq, float* ropeInvFreq, out ModelHandle outModel,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_model_destroy(nint model);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_init_random(
        ModelHandle model, ulong seed, float std, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_clone_frozen(
        ModelHandle model, out ModelHandle outModel, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_copy_weights(
        ModelHandle model, ModelHandle source, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_copy_body(
        ModelHandle model, ModelHandle source, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_init_value_head(
        ModelHandle model, ulong seed, float std, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int tbrm_model_tensor_count(ModelHandle model);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_tensor_info(
        ModelHandle model, int index, byte** outName, long* outRows, long* outCols, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_tensor_read(
        ModelHandle model, byte* name, TensorKind kind, long n, float* outValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_tensor_write(
        ModelHandle model, byte* name, TensorKind kind, long n, float* values, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_release_activations(ModelHandle model, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_attach_adapter(
        ModelHandle model, NativeAdapterConfig* config, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_enable_adapter(ModelHandle model, int on, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_merge_adapter(ModelHandle model, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_memory_plan(
        NativeModelConfig* config, int nInvFreq, float* ropeInvFreq, NativeAdapterConfig* adapter,
            NativeMemoryLoad* load,
        NativeMemoryBytes* outPlan, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_create(
        ModelHandle model, NativeRolloutConfig* config, out RolloutHandle outRollout, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_rollout_destroy(nint rollout);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_set_token_bytes(
        RolloutHandle rollout, int nIds, long* offsets, byte* bytes, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_set_guide(
        RolloutHandle rollout, ModelHandle guide, float scale, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_submit(
        RolloutHandle rollout, int nPromptTokens, int* promptIds, int nSamples, long* trajectoryIds,
        NativeSampling* sampling, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_step(
        RolloutHandle rollout, int nIterations, NativeRolloutStatus* outStatus, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_peek(
        RolloutHandle rollout, NativeFinished* outFinished, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_read(
        RolloutHandle rollout, int nTokens, int* outIds, float* outLogp, float* outProcessedLogp, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_cancel(RolloutHandle rollout, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_rollout_release_pages(RolloutHandle rollout, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_logprob_forward(
        ModelHandle model, NativeBatch* batch, int keep, float* outQ, float* outV, float* outH, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_value_forward(
        ModelHandle model, NativeBatch* batch, int keep, float* outValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_value_backward(
        ModelHandle model, long nRows, float* dValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_value_of_kept(
        ModelHandle model, long nRows, float* outValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_value_add_gradient(
        ModelHandle model, long nRows, float* dValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_residual_forward(
        ContextHandle context, NativeResidualArgs* args, float* q, float* v, float* outResidual, double* outLoss,
        float* outDq, float* outDv, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_zero(ModelHandle model, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_norm(ModelHandle model, double* outNorm, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_backward(
        ModelHandle model, long nRows, float* dq, float* dv, float* dh, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_residual(
        ModelHandle model, NativeBatch* batch, NativeResidualArgs* args, float* outQ, float* outV, float* outResidual,
        double* outLoss, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_discard(ModelHandle model, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_create_local(
        int nRanks, double timeoutS, nint* outGroups, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_join(
        NativeGroupConfig* config, out GroupHandle outGroup, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_group_destroy(nint group);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_leave(GroupHandle group, int code, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_note(GroupHandle group, byte* phase, int signals,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_send(GroupHandle group, int to, long n, void* data,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_receive(GroupHandle group, int from, double timeoutS,
        out long outN, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_read(GroupHandle group, int from, long n, void* outData,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_look(GroupHandle group, int rank,
        NativeGroupState* outState, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_barrier(GroupHandle group, byte* phase, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_abort(GroupHandle group, int code, byte* reason,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_sum(GroupHandle group, long n, double* inoutValues,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_model_share(ModelHandle model, GroupHandle group, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_share(ModelHandle model, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_gradient_reduce(ModelHandle model, GroupHandle group, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_copy_model(GroupHandle group, ModelHandle model,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_group_copy_optimizer(GroupHandle group, OptimizerHandle optimizer,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_optimizer_create(
        ModelHandle model, NativeOptimizerConfig* config, out OptimizerHandle outOptimizer, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_optimizer_destroy(nint optimizer);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_optimizer_step(
        OptimizerHandle optimizer, float learningRate, float maxGradNorm, NativeStepResult* outResult,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_optimizer_update(
        OptimizerHandle optimizer, float learningRate, double gradNorm, float maxGradNorm, NativeStepResult* outResult,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_optimizer_moment_read(
        OptimizerHandle optimizer, byte* name, Moment moment, long n, float* outValues, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_optimizer_moment_write(
        OptimizerHandle optimizer, byte* name, Moment moment, long n, float* values, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_load_weights(
        ModelHandle model, byte* path, long* inoutNFound, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_missing(
        ModelHandle model, long nBytes, byte* outNames, long* outNMissing, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_save_weights(
        ModelHandle model, byte* path, int first, int count, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_save_adapter(ModelHandle model, byte* path, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_load_adapter(ModelHandle model, byte* path, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_save_optimizer(
        OptimizerHandle optimizer, byte* path, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_checkpoint_load_optimizer(
        OptimizerHandle optimizer, byte* path, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_kernel_head_forward(
        ContextHandle context, NativeHeadArgs* args, float* outQ, float* outV, float* outH, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_kernel_head_backward(
        ContextHandle context, NativeHeadArgs* args, float* dq, float* dv, float* dh, float* outDx, float* outDw,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int tbrm_bench_count();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_bench_info(
        int index, byte** outName, byte** outShape, Dtype* outDtype, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_bench_create(
        ContextHandle context, int index, out BenchHandle outBench, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void tbrm_bench_destroy(nint bench);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_bench_check(
        BenchHandle bench, double* outFlops, double* outBytes, double* outShare, out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_bench_run(BenchHandle bench, int n, double* outSeconds,
        out NativeError err);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial TbrmStatus tbrm_bench_peak(
        ContextHandle context, Dtype dtype, double* outFlopsPerS, double* outBytesPerS, out NativeError err);
}
