using System.Reflection;

namespace Tbrm.Training.Runs;

/// <summary>Version and commit that this program was built from.</summary>
public static class ProgramVersion
{
    /// <summary>As the assembly says it; empty when it says nothing.</summary>
    public static string Text { get; } =
        typeof(
            ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "";
}
