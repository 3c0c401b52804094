using System;
using Tbrm.Core.Errors;

namespace Tbrm.Tasks;

/// <summary>No item can be made at an index with the given parameters (exit code 2: other parameters can
/// help).</summary>
public sealed class TaskItemException(string task, long index, string why)
    : TbrmUserException(ExitCode.Config, $"task {task}: item {index} cannot be generated with these parameters: {why}");

/// <summary>A scorer that, like the Python package's, does not answer for what it was given.</summary>
public sealed class TaskScoreException(string message, Exception? inner = null) : Exception(message, inner);
