using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>One task of the mixture <c>data.tasks</c>; on the command line also <c>name:weight</c>.</summary>
public sealed record TaskShareConfig
{
    /// <summary>The task (<c>tbrm-native task list</c>).</summary>
    public required string Name { get; init; }

    /// <summary>How often it is chosen, relative to the others.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Its parameters, named as in reasoning-gym.</summary>
    public Dictionary<string, string> Params { get; init; } = [];
}
