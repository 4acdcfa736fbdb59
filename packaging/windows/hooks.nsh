; What runs from the folder that is being replaced is ended first: a running program's file is locked, and the
; installer would leave the old one in place without a word. Only what runs FROM THIS FOLDER is ended, whatever its
; name; nothing is ended by its name alone, since another folder's programs may have the same one.

!macro TASKPAW_END_WHAT_RUNS_HERE
  ; The app ends its backends itself when it is asked to. It answers within seconds, or is ended below.
  IfFileExists "$INSTDIR\taskpaw.exe" 0 +3
    DetailPrint "Asking the running TaskPaw to end"
    nsExec::ExecToLog /TIMEOUT=20000 '"$INSTDIR\taskpaw.exe" --quit'
    Pop $0
  DetailPrint "Ending what still runs from $INSTDIR"
  nsExec::ExecToLog /TIMEOUT=20000 `powershell.exe -NoProfile -NonInteractive -Command "$$here = '$INSTDIR\'; Get-Process | Where-Object { $$_.Path -and $$_.Path.StartsWith($$here, [StringComparison]::OrdinalIgnoreCase) } | Stop-Process -Force"`
  Pop $0
!macroend

!macro NSIS_HOOK_PREINSTALL
  !insertmacro TASKPAW_END_WHAT_RUNS_HERE
!macroend

!macro NSIS_HOOK_PREUNINSTALL
  !insertmacro TASKPAW_END_WHAT_RUNS_HERE
!macroend
