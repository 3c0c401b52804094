using System;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Engine.Checkpoint;

/// <summary>Names what the operating system refused while a run writes its files.</summary>
public static class DiskErrors
{
    /// <summary>Runs something that writes; an I/O failure becomes the user's exception, exit code 4 when the disk is
    /// full.</summary>
    public static void Translated(string doing, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException || e.IsDiskFull())
        {
            const string advice = " Free some space, raise the quota or the limit of a file's size (ulimit -f), or "
                + "keep fewer checkpoints (trainer.max_actor_ckpt_to_keep); what was saved before is intact.";
            throw new TbrmUserException(e.IsDiskFull() ? ExitCode.OutOfMemory : ExitCode.Data,
                $"{doing}: {e.Message}{(e.IsDiskFull() ? advice : "")}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new TbrmUserException(ExitCode.Data, $"{doing}: {e.Message}", e);
        }
    }
}
