; What runs from the folder that is being replaced is ended first: a running program's file is locked, and the
; installer would leave the old one in place without a word. Only TaskPaw's programs IN THIS FOLDER are ended; nothing
; is ended by its name alone, since another folder's programs may have the same one. A process is judged and ended
; through one handle, which cannot come to mean another process.

; PROCESS_TERMINATE, PROCESS_QUERY_LIMITED_INFORMATION and SYNCHRONIZE
!define TASKPAW_ACCESS 0x101001
; Room for 16,384 process ids of four bytes.
!define TASKPAW_ROOM 65536
; How long a process that was ended may take to be gone, in milliseconds.
!define TASKPAW_GONE_WITHIN 5000

!macro TASKPAW_END_WHAT_RUNS_HERE
  Push $0
  Push $1
  Push $2
  Push $3
  Push $4
  Push $5
  Push $6

  ; The app ends its backends itself when it is asked to. It answers within seconds, or is ended below.
  ${If} ${FileExists} "$INSTDIR\taskpaw.exe"
    DetailPrint "Asking the running TaskPaw to end"
    nsExec::ExecToLog /TIMEOUT=20000 '"$INSTDIR\taskpaw.exe" --quit'
    Pop $0
  ${EndIf}

  DetailPrint "Ending what still runs from $INSTDIR"
  ; A folder can have a short name besides its long one.
  System::Call 'kernel32::GetLongPathNameW(w "$INSTDIR", w .r6, i ${NSIS_MAX_STRLEN}) i .r0'
  ${IfThen} $0 = 0 ${|} StrCpy $6 $INSTDIR ${|}
  System::Alloc ${TASKPAW_ROOM}
  Pop $0
  System::Call 'kernel32::K32EnumProcesses(p r0, i ${TASKPAW_ROOM}, *i .r1) i .r2'
  ${IfThen} $2 = 0 ${|} StrCpy $1 0 ${|}
  ; $1 bytes of process ids are at $0; $2 is the next one's place.
  StrCpy $2 0
  ${While} $2 < $1
    IntPtrOp $3 $0 + $2
    IntOp $2 $2 + 4
    System::Call '*$3(i .r4)'
    System::Call 'kernel32::OpenProcess(i ${TASKPAW_ACCESS}, i 0, i r4) p .r4'
    ${If} $4 P<> 0
      System::Call 'kernel32::QueryFullProcessImageNameW(p r4, i 0, w .r5, *i ${NSIS_MAX_STRLEN}) i .r3'
      ${If} $3 <> 0
        System::Call 'kernel32::GetLongPathNameW(w r5, w .r5, i ${NSIS_MAX_STRLEN})'
        ; The comparison takes capital letters for small ones, as Windows does.
        ${If} $5 == "$6\taskpaw.exe"
        ${OrIf} $5 == "$6\taskpaw-backend.exe"
        ${OrIf} $5 == "$6\taskpaw-ports.exe"
          DetailPrint "Ending $5"
          System::Call 'kernel32::TerminateProcess(p r4, i 1)'
          System::Call 'kernel32::WaitForSingleObject(p r4, i ${TASKPAW_GONE_WITHIN})'
        ${EndIf}
      ${EndIf}
      System::Call 'kernel32::CloseHandle(p r4)'
    ${EndIf}
  ${EndWhile}
  System::Free $0

  Pop $6
  Pop $5
  Pop $4
  Pop $3
  Pop $2
  Pop $1
  Pop $0
!macroend

; What starts TaskPaw at login, if a person has switched that on, and where it is kept through an upgrade.
Var TaskPawAtLogin
!define TASKPAW_LOGIN "Software\Microsoft\Windows\CurrentVersion\Run"
!define TASKPAW_KEPT "Software\TaskPaw\Upgrade"

!macro NSIS_HOOK_PREINSTALL
  !insertmacro TASKPAW_END_WHAT_RUNS_HERE
!macroend

!macro NSIS_HOOK_POSTINSTALL
  ReadRegStr $TaskPawAtLogin HKCU "${TASKPAW_KEPT}" "AtLogin"
  ${If} $TaskPawAtLogin != ""
    WriteRegStr HKCU "${TASKPAW_LOGIN}" "TaskPaw" $TaskPawAtLogin
    DeleteRegKey HKCU "${TASKPAW_KEPT}"
  ${EndIf}
!macroend

!macro NSIS_HOOK_PREUNINSTALL
  !insertmacro TASKPAW_END_WHAT_RUNS_HERE
  ReadRegStr $TaskPawAtLogin HKCU "${TASKPAW_LOGIN}" "TaskPaw"
!macroend

!macro NSIS_HOOK_POSTUNINSTALL
  ; An uninstaller that runs in its own folder was called by an installer, which may go on afterwards: an upgrade by hand.
  ; A person calls it by way of a copy in another folder. Tauri's has just taken the start at login away.
  ${If} $TaskPawAtLogin != ""
  ${AndIf} $EXEDIR == $INSTDIR
    WriteRegStr HKCU "${TASKPAW_KEPT}" "AtLogin" $TaskPawAtLogin
  ${EndIf}

  ; Tauri's deletes the data only where it would put it. Beside these folders are TaskPaw V3's, which stay.
  ${If} $DeleteAppDataCheckboxState = 1
  ${AndIf} $UpdateMode <> 1
    SetShellVarContext current
    RMDir /r "$APPDATA\TaskPaw\TaskPaw"
    RMDir /r "$LOCALAPPDATA\TaskPaw\TaskPaw"
    RMDir "$APPDATA\TaskPaw"
    RMDir "$LOCALAPPDATA\TaskPaw"
  ${EndIf}
!macroend
