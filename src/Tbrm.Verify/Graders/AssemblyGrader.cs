using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Plugins;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Loads a grader from a .NET assembly: option <c>path</c>, and <c>type</c> (the full name of a class that implements
/// <see cref="IGrader"/>; may be left out when there is only one). The class has a constructor without parameters or
/// one that
/// takes the options as a <see cref="JsonObject"/>.
/// </summary>
public static class AssemblyGrader
{
    /// <summary>Loads and creates the grader.</summary>
    /// <exception cref="ConfigException">The assembly or the type is missing or unsuitable.</exception>
    public static IGrader Load(JsonObject? options)
    {
        GraderOptions reader = new(options);
        string path = reader.Text("path")
            ?? throw new ConfigException("the grader 'assembly' needs the option \"path\"");
        PluginType type = PluginType.Find(path, reader.Text("type"), typeof(IGrader));
        return (IGrader)type.Create(type.Type.GetConstructor([typeof(JsonObject)]) is null ? null : options);
    }
}
